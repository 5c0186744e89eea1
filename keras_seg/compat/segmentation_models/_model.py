"""The class of the models, with the methods of Keras 2 that scripts call."""

import os
from typing import Any

import keras

from keras_seg._types import PathLike
from keras_seg.compat.segmentation_models._features import freeze
from keras_seg.compat.segmentation_models._old_weights import holds_old_weights, load_old_weights


@keras.saving.register_keras_serializable("keras_seg.compat")
class OldModel(keras.Model):
    """A keras.Model that loads weights files of Keras 2, and has its `fit_generator`, which `fit` has replaced."""

    def load_weights(self, filepath: PathLike, skip_mismatch: bool = False, **settings: Any) -> None:
        """Load a weights file of Keras 3, or of segmentation_models 1.0.1.

        Args:
            filepath: path of the file.
            skip_mismatch: bool. For files of Keras 3. Defaults to False.
            **settings: passed to Keras.

        Raises:
            InputError: a file of Keras 2 is of another model.
        """
        if os.path.isfile(filepath) and holds_old_weights(filepath):
            load_old_weights(self, filepath)
        else:
            super().load_weights(filepath, skip_mismatch=skip_mismatch, **settings)

    def fit_generator(self, generator: Any, *args: Any, **settings: Any) -> keras.callbacks.History:
        """`fit`, without the settings of Keras 2 that are now those of the data set."""
        return self.fit(generator, *args, **_kept(settings))

    def evaluate_generator(self, generator: Any, *args: Any, **settings: Any) -> Any:
        """`evaluate`, without the settings of Keras 2 that are now those of the data set."""
        return self.evaluate(generator, **_kept(settings, steps=args[:1]))

    def predict_generator(self, generator: Any, *args: Any, **settings: Any) -> Any:
        """`predict`, without the settings of Keras 2 that are now those of the data set."""
        return self.predict(generator, **_kept(settings, steps=args[:1]))


def _kept(settings: dict[str, Any], steps: tuple = ()) -> dict[str, Any]:
    dropped = ("max_queue_size", "workers", "use_multiprocessing")
    kept = {key: value for key, value in settings.items() if key not in dropped}
    return kept | ({"steps": steps[0]} if steps else {})


def finished(
    backbone: keras.Model, x: Any, activation: str, *, encoder_freeze: bool, weights: PathLike | None
) -> keras.Model:
    """The model from the image to `x`, activated."""
    x = keras.layers.Activation(activation, name=activation if isinstance(activation, str) else None)(x)
    model = OldModel(backbone.input, x)
    if encoder_freeze:
        freeze(backbone)
    if weights is not None:
        model.load_weights(weights)
    return model
