"""Targets computed from masks inside a tf.data pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keras_seg import _validation
from keras_seg._types import Tensor

if TYPE_CHECKING:
    import tensorflow as tf


def of_each_mask(function: Callable[[np.ndarray], np.ndarray], dtype: str) -> Callable[[Tensor], Tensor]:
    """`function` of one mask as a function of a batch of them, for use inside `Dataset.map`.

    Args:
        function: from an integer array (height, width) to an array of that shape.
        dtype: str. Dtype of the result.
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "targets in a dataset (tf.data)")

    def of_batch(masks: np.ndarray) -> np.ndarray:
        return np.stack([function(mask) for mask in masks]).astype(dtype)

    def in_graph(masks: Tensor) -> Tensor:
        result = tf.numpy_function(of_batch, [masks], dtype, stateful=False)
        result.set_shape(masks.shape)
        return result

    return in_graph


def with_targets(dataset: tf.data.Dataset, target: Callable[[np.ndarray], np.ndarray]) -> tf.data.Dataset:
    """The dataset (image, mask) as (image, target(mask)), mask by mask.

    Args:
        dataset: `tf.data.Dataset` of batches (image, mask), masks (batch, height, width).
        target: from an integer array (height, width) to an int32 array of that shape.

    Returns:
        `tf.data.Dataset` of (image, int32 (batch, height, width)).
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "targets in a dataset (tf.data)")
    targets = of_each_mask(target, "int32")

    def replace(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return image, targets(mask)

    return dataset.map(replace, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
