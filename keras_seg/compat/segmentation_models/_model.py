"""The class of the models, with the methods of Keras 2 that scripts call."""

import os
from typing import Any

import keras

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.compat.segmentation_models._features import freeze
from keras_seg.compat.segmentation_models._old_weights import holds_old_weights, load_old_weights

# The arguments of `compile` in the order of Keras 2.
_COMPILED = ("optimizer", "loss", "metrics", "loss_weights", "sample_weight_mode", "weighted_metrics")
_FITTED = ("steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data", "validation_steps")
_UNUSED = ("sample_weight_mode", "max_queue_size", "workers", "use_multiprocessing")


@keras.saving.register_keras_serializable("keras_seg.compat")
class OldModel(keras.Model):
    """A keras.Model that loads weights files of Keras 2, and has its `fit_generator`, which `fit` has replaced."""

    def compile(self, *args: Any, **settings: Any) -> None:
        """Compile the model; arguments by position are in the order of Keras 2, (optimizer, loss, metrics).

        Args:
            *args: optimizer, loss, metrics, loss_weights, sample_weight_mode, weighted_metrics. The mode is not needed.
            **settings: as of keras.Model.
        """
        super().compile(**_named(_COMPILED, args, settings))

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model; Keras leaves this to classes with a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def load_weights(self, filepath: PathLike, skip_mismatch: bool = False, **settings: Any) -> None:
        """Load a weights file of Keras 3, or of segmentation_models 1.0.1.

        Args:
            filepath: path of the file.
            skip_mismatch: bool. Whether layers whose weights have other shapes in the file, as those of other classes,
                keep theirs, which a warning names. Defaults to False.
            **settings: passed to Keras. Files of Keras 2 are read by the names of their layers in any case.

        Raises:
            InputError: there is no such file, or a file of Keras 2 is of another model.
        """
        if "://" not in str(filepath) and not os.path.exists(filepath):
            raise InputError(f"{filepath}: there is no such file. Check the path of the weights.")
        if os.path.isfile(filepath) and holds_old_weights(filepath):
            load_old_weights(self, filepath, skip_mismatch=skip_mismatch)
        else:
            super().load_weights(filepath, skip_mismatch=skip_mismatch, **settings)

    def fit_generator(self, generator: Any, *args: Any, **settings: Any) -> keras.callbacks.History:
        """`fit`; by position: steps_per_epoch, epochs, verbose, callbacks, validation_data and its steps."""
        return self.fit(generator, **_named(_FITTED, args, settings))

    def evaluate_generator(self, generator: Any, *args: Any, **settings: Any) -> Any:
        """`evaluate`; the argument by position is steps."""
        return self.evaluate(generator, **_named(("steps",), args, settings))

    def predict_generator(self, generator: Any, *args: Any, **settings: Any) -> Any:
        """`predict`; the argument by position is steps."""
        return self.predict(generator, **_named(("steps",), args, settings))


def _named(names: tuple[str, ...], args: tuple, settings: dict[str, Any]) -> dict[str, Any]:
    """All arguments by name, without those that Keras 3 has no use for."""
    return {
        key: value for key, value in (dict(zip(names, args, strict=False)) | settings).items() if key not in _UNUSED
    }


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
