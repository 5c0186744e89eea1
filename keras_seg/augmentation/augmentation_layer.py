"""Augmentation of batches inside a model."""

from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.augmentation.augmentation import Augmentation
from keras_seg.augmentation.inputs import KEYS, check_shapes
from keras_seg.augmentation.keras_ops import keras_normal, ops_of_keras


@keras.saving.register_keras_serializable("keras_seg")
class AugmentationLayer(keras.layers.Layer):
    """An `Augmentation` of batches, on the device the model runs on, on every backend.

    Works in training only; otherwise it returns its inputs, so that a saved model predicts on unchanged images. Shapes
    are static, so JAX and XLA compile it with the rest of the model.

    Args:
        augmentation: an `Augmentation`.
        seed: int of at least 0, or None for a new one in every run. Defaults to None.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: images (batch, height, width, channels) in 0..255; or a tuple (images, masks), (images, masks, weights)
            or (images, masks, weights, instances), None for a map that is missing; or a dict of "image" and any of
            "mask", "weight", "instances". Masks are (batch, height, width) or (batch, height, width, 1).
        training: bool. Defaults to False.

    Output shape:
        As the input; in training with the height and width of the augmentation's crop. Images and weights have the
        layer's compute dtype, masks and instances are int32.

    Raises:
        InputError: an argument is out of its range; in use, inputs that the augmentation refuses.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> augment = ks.augmentation.Augmentation([ks.augmentation.Flip()], crop=16, ignore_class=255)
        >>> layer = ks.augmentation.AugmentationLayer(augment, seed=0)
        >>> images, masks = layer((np.zeros((2, 20, 24, 3)), np.ones((2, 20, 24), "int32")), training=True)
        >>> tuple(images.shape), tuple(masks.shape)
        ((2, 16, 16, 3), (2, 16, 16))
    """

    def __init__(self, augmentation: Augmentation, *, seed: int | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("autocast", False)  # Half precision cannot hold positions.
        super().__init__(**kwargs)
        if isinstance(augmentation, dict):
            augmentation = keras.saving.deserialize_keras_object(augmentation)
        if not isinstance(augmentation, Augmentation):
            _validation.fail(
                "augmentation", "must be an Augmentation", augmentation, "Wrap it: Augmentation([Flip()])."
            )
        self.augmentation = augmentation
        self.seed = None if seed is None else _validation.integer("seed", seed, 0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape: Any) -> None:
        """The layer has no weights."""
        self.built = True

    def call(self, inputs: Any, *, training: bool = False) -> Any:
        ops = ops_of_keras()
        given = {key: ops.convert_to_tensor(x) for key, x in _named(inputs).items()}
        if check_shapes(given):
            shape = tuple(given["image"].shape)
            _validation.fail(
                "inputs", "must be batches", shape, "Add an axis: x[None], or call the Augmentation itself."
            )
        results = given
        if training:
            batch = {key: x if len(x.shape) == 4 else x[..., None] for key, x in given.items()}
            self.augmentation._check(batch)
            count = ops.shape(batch["image"])[0]
            draws = keras.random.uniform((count, self.augmentation._draws), seed=self.seed_generator)
            random = keras_normal(self.seed_generator)
            results = self.augmentation._apply(ops, batch, draws, random=random)
            results = {key: x if len(given[key].shape) == 4 else x[..., 0] for key, x in results.items()}
        results = {
            key: ops.cast(x, "int32" if key in ("mask", "instances") else self.compute_dtype)
            for key, x in results.items()
        }
        return _like(inputs, results)

    def compute_output_spec(self, inputs: Any, *, training: bool = False) -> Any:
        """Shapes and types; sizes that differ between training and inference are None."""
        results = {}
        crop = self.augmentation.crop
        for key, x in _named(inputs).items():
            shape = list(x.shape)
            if crop and tuple(shape[1:3]) != crop:
                shape[1:3] = crop if training else (None, None)
            dtype = "int32" if key in ("mask", "instances") else self.compute_dtype
            results[key] = keras.KerasTensor(shape, dtype)
        return _like(inputs, results)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON types."""
        augmentation = keras.saving.serialize_keras_object(self.augmentation)
        return {**super().get_config(), "augmentation": augmentation, "seed": self.seed}


def _named(inputs: Any) -> dict[str, Tensor]:
    """The maps that are given, by name."""
    if isinstance(inputs, dict):
        return {key: x for key, x in inputs.items() if x is not None}
    if isinstance(inputs, (tuple, list)):
        if not 1 <= len(inputs) <= len(KEYS):
            _validation.fail(
                "inputs", f"must hold one to four of {', '.join(KEYS)}, in this order", f"{len(inputs)} items"
            )
        return {key: x for key, x in zip(KEYS, inputs, strict=False) if x is not None}
    return {"image": inputs}


def _like(inputs: Any, results: dict[str, Tensor]) -> Any:
    """`results` in the structure of `inputs`."""
    if isinstance(inputs, dict):
        return {key: results.get(key) for key in inputs}
    if isinstance(inputs, (tuple, list)):
        return type(inputs)(results.get(key) for key in KEYS[: len(inputs)])
    return results["image"]
