"""The edges between classes as a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass
from keras_seg.data.targets.near_two_labels import near_two_labels
from keras_seg.data.targets.target_pipeline import with_targets

if TYPE_CHECKING:
    import tensorflow as tf

BOUNDARY_CLASSES = ("inside", "boundary")


def boundary_targets(mask: ArrayLike, *, width: int = 2, ignore_class: IgnoreClass = None) -> np.ndarray:
    """1 where another class is within `width` pixels, 0 elsewhere; ignored pixels keep their label.

    Distance is measured in rows and columns: a pixel is boundary if the square of side `2 width + 1` around it holds
    two classes. Lines are thus `2 width` pixels wide. The border of the image and of ignored regions is not a boundary,
    because the class beyond it is unknown.

    Args:
        mask: integer array (height, width) of class ids.
        width: int >= 1. Pixels. Defaults to 2.
        ignore_class: int or sequence of int. Labels of pixels without a class, other than 0 and 1, which have a meaning
            in the result. Defaults to None.

    Returns:
        int32 array (height, width).

    Raises:
        InputError: The mask is not an integer map, or an argument is out of range.
        ImportError: SciPy is missing: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> boundary_targets(np.array([[4, 4, 4, 4, 7, 7, 255]]), width=1, ignore_class=255).tolist()
        [[0, 0, 0, 1, 1, 0, 255]]
    """
    ndimage = _validation.optional_import("scipy.ndimage", "boundary", "`boundary_targets`")
    width = _validation.integer("width", width)
    ignored = _validation.ignored_classes(ignore_class)
    taken = [label for label in ignored if label in (0, 1)]
    if taken:
        fix = "Give these pixels another label first: np.where(mask == label, 255, mask)."
        _validation.fail("ignore_class", "must not be 0 or 1, which mean inside and boundary here", taken[0], fix)
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype.kind not in "iub":
        _validation.fail(
            "mask", "must be an integer map (height, width) of classes", (mask.shape, str(mask.dtype)),
            "Pass one mask of integers at a time.",
        )  # fmt: skip
    mask, void = mask.astype("int64"), np.isin(mask, ignored)
    return np.where(void, mask, near_two_labels(ndimage, mask, ~void, width=width)).astype("int32")


def add_boundary_targets(
    dataset: tf.data.Dataset, *, width: int = 2, ignore_class: IgnoreClass = None
) -> tf.data.Dataset:
    """The dataset (image, mask) as (image, boundary targets), after augmentation.

    Args:
        dataset: `tf.data.Dataset` of batches (image, mask), masks (batch, height, width), as from `from_folder`.
        width: int >= 1. See `boundary_targets`. Defaults to 2.
        ignore_class: int or sequence of int. Labels of pixels without a class. Defaults to None.

    Returns:
        `tf.data.Dataset` of (image, int32 (batch, height, width)): 0, 1, and -1 for pixels without a class
        (`ignore_class=-1` in losses and metrics).

    Raises:
        InputError: As for `boundary_targets`; arguments are checked immediately.
        ImportError: As for `boundary_targets`.

    Examples:
        >>> import tensorflow as tf
        >>> masks = np.array([[[0, 0, 0, 1, 1, 1]]])
        >>> dataset = tf.data.Dataset.from_tensor_slices((np.zeros((1, 1, 6, 3), "float32"), masks)).batch(1)
        >>> next(iter(add_boundary_targets(dataset, width=1)))[1].numpy().tolist()
        [[[0, 0, 1, 1, 0, 0]]]
    """
    ignored = _validation.ignored_classes(ignore_class)
    boundary_targets(np.zeros((1, 1), int), width=width)
    return with_targets(dataset, lambda mask: edges_of(mask, width, ignored))


def edges_of(mask: np.ndarray, width: int, ignored: tuple[int, ...]) -> np.ndarray:
    """`boundary_targets` with -1 for ignored pixels, so that 0 and 1 may be ignored labels too.

    Args:
        mask: integer array (height, width) of class ids.
        width: int >= 1, pixels.
        ignored: tuple of the labels of pixels without a class.
    """
    return boundary_targets(np.where(np.isin(mask, ignored), -1, mask.astype("int32")), width=width, ignore_class=-1)
