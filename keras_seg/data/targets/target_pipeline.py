"""Targets computed from masks, in a `tf.data` pipeline or in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_seg._types import Tensor
from keras_seg.data.pipeline.array_batches import ArrayBatches


def targets_of(dataset: Any, function: Callable[[np.ndarray], np.ndarray], dtype: str) -> Callable[[Tensor], Tensor]:
    """`function` of one mask as a function of a batch of them, for use in `mapped`.

    Args:
        dataset: `tf.data.Dataset` or `ArrayBatches`.
        function: from an integer array (height, width) to an array of that shape.
        dtype: str. Dtype of the result.
    """

    def of_batch(masks: np.ndarray) -> np.ndarray:
        return np.stack([function(mask) for mask in masks]).astype(dtype)

    if isinstance(dataset, ArrayBatches):
        return of_batch
    import tensorflow as tf

    def in_graph(masks: Tensor) -> Tensor:
        result = tf.numpy_function(of_batch, [masks], dtype, stateful=False)
        result.set_shape(masks.shape)
        return result

    return in_graph


def mapped(dataset: Any, function: Callable[..., Any]) -> Any:
    """The dataset with its batches changed: `function(*batch)` returns a tuple."""
    if isinstance(dataset, ArrayBatches):
        return dataset.map(function)
    import tensorflow as tf

    return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def with_targets(dataset: Any, target: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The dataset (image, mask) as (image, target(mask)), mask by mask.

    Args:
        dataset: `tf.data.Dataset` or `ArrayBatches` of (image, mask), masks (batch, height, width).
        target: from an integer array (height, width) to an int32 array of that shape.

    Returns:
        A dataset of the same kind, of (image, int32 (batch, height, width)).
    """
    targets = targets_of(dataset, target, "int32")
    return mapped(dataset, lambda image, mask: (image, targets(mask)))
