"""The layer that makes the views of test-time augmentation from images."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.inference.tta.view import View


@keras.saving.register_keras_serializable("keras_seg")
class ViewImages(keras.layers.Layer):
    """Several views of images, one view after the other along the batch axis.

    Args:
        views: sequence of `View`, or of their lists, which must give maps of one size.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the images, or the list `[images, after]`, where the images are read only after `after` is computed, so
            that independent passes run one at a time.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(views * batch, view_height, view_width, channels)`.
    """

    def __init__(self, views: Sequence[View | Sequence[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.views = tuple(view if isinstance(view, View) else View.from_list(view) for view in views)

    def call(self, inputs: Any) -> Tensor:
        images = _after(*inputs) if isinstance(inputs, (list, tuple)) else inputs
        if 0 in images.shape:
            fix = "Leave empty images out."
            _validation.fail("images", "must hold at least one image of at least one pixel", tuple(images.shape), fix)
        images = ops.cast(images, self.compute_dtype)
        seen = [view.apply(images) for view in self.views]
        return seen[0] if len(seen) == 1 else ops.concatenate(seen, axis=0)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        nested = isinstance(input_shape[0], (list, tuple))
        batch, height, width, channels = input_shape[0] if nested else input_shape
        return (batch and batch * len(self.views), *self.views[0].size((height, width)), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "views": [view.to_list() for view in self.views]}


def _after(images: Tensor, other: Tensor) -> Tensor:
    """`images`, not before `other` has been computed."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.control_dependencies([other]):
            return tf.identity(images)
    if keras.backend.backend() == "jax":
        import jax

        return jax.lax.optimization_barrier((images, other))[0]
    return images
