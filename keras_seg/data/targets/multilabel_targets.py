"""One channel per class, for classes that overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_seg import _validation
from keras_seg._labels.class_bits import unpacked
from keras_seg._types import ArrayLike, Tensor
from keras_seg.data.index.multilabel_index import MOST_CLASSES
from keras_seg.data.pipeline.array_batches import ArrayBatches
from keras_seg.data.targets.target_pipeline import mapped

if TYPE_CHECKING:
    import tensorflow as tf


def multilabel_targets(labels: ArrayLike, num_classes: int) -> np.ndarray:
    """1 in the channel of each class that a pixel belongs to.

    Args:
        labels: integer array (...). Bit k of a pixel is set if it belongs to class k, as `MultiLabelIndex.read_labels`
            returns them.
        num_classes: int in 1..31.

    Returns:
        uint8 array (..., num_classes).

    Raises:
        InputError: The labels are not integers or hold classes beyond `num_classes`.

    Examples:
        >>> multilabel_targets([[0, 1, 3]], 2).tolist()
        [[[0, 0], [1, 0], [1, 1]]]
    """
    num_classes = _count(num_classes)
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or (labels.size and not 0 <= labels.min() <= labels.max() < 1 << num_classes):
        rule = f"must be integers in 0..{(1 << num_classes) - 1}, one bit per class"
        _validation.fail("labels", rule, str(labels.dtype) if labels.dtype.kind not in "iu" else int(labels.max()))
    return unpacked(labels, num_classes)


def add_multilabel_targets(dataset: tf.data.Dataset, num_classes: int) -> tf.data.Dataset:
    """The dataset (image, mask) with one channel per class, after augmentation.

    Args:
        dataset: `tf.data.Dataset` of batches (image, mask), masks (batch, height, width) as `from_folder` reads them
            from a `MultiLabelIndex`.
        num_classes: int in 1..31.

    Returns:
        `tf.data.Dataset` of (image, uint8 (batch, height, width, num_classes)), for `mode="multilabel"` in losses.

    Raises:
        InputError: `num_classes` is out of range.

    Examples:
        >>> import tensorflow as tf
        >>> masks = np.array([[[0, 1, 3]]], "int32")
        >>> dataset = tf.data.Dataset.from_tensor_slices((np.zeros((1, 1, 3, 3), "float32"), masks)).batch(1)
        >>> next(iter(add_multilabel_targets(dataset, 2)))[1].numpy()[0].tolist()
        [[[0, 0], [1, 0], [1, 1]]]
    """
    num_classes = _count(num_classes)
    if isinstance(dataset, ArrayBatches):
        return dataset.map(lambda image, mask: (image, unpacked(mask, num_classes)))
    import tensorflow as tf

    places = np.arange(num_classes, dtype="int32")

    def replace(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        bits = tf.bitwise.right_shift(mask[..., None], places)
        return image, tf.cast(tf.bitwise.bitwise_and(bits, 1), "uint8")

    return mapped(dataset, replace)


def _count(num_classes: int) -> int:
    if _validation.integer("num_classes", num_classes) > MOST_CLASSES:
        _validation.fail("num_classes", f"must be at most {MOST_CLASSES}, the bits of a label", num_classes)
    return num_classes
