"""The edges between classes as a target of their own."""

import numpy as np

from keras_seg import _validation
from keras_seg.data.targets.target_pipeline import with_targets

# Beyond every class id. SciPy's filters go through float64, which has no 2^63 - 1.
_NO_CLASS = 2**40
BOUNDARY_CLASSES = ("inside", "boundary")


def boundary_targets(mask, *, width=2, ignore_class=None):
    """1 where another class is within `width` pixels, 0 elsewhere, ignored pixels as they are.

    Within means rows and columns: the square of side `2 width + 1` around a pixel holds two classes. Lines are thus
    `2 width` pixels wide. The frame of the image and the rim of ignored pixels are no edges: what lies beyond is not
    known.

    Args:
        mask: integer array (height, width) of class ids.
        width: int >= 1, pixels. Defaults to 2.
        ignore_class: None, int or sequence of int, labels of pixels without a class; not 0 and 1, which mean something
            else in the result. Defaults to None.

    Returns:
        int32 array (height, width).

    Raises:
        InputError: the mask is no integer map, or an argument is out of range.
        ImportError: SciPy is missing: `pip install "keras-seg[instances]"`.

    Examples:
        >>> boundary_targets(np.array([[4, 4, 4, 4, 7, 7, 255]]), width=1, ignore_class=255).tolist()
        [[0, 0, 0, 1, 1, 0, 255]]
    """
    ndimage = _validation.optional_import("scipy.ndimage", "instances", "`boundary_targets`")
    width = _validation.integer("width", width)
    ignored = _validation.ignored_classes(ignore_class)
    taken = [label for label in ignored if label in (0, 1)]
    if taken:
        fix = "Give these pixels another label first: np.where(mask == label, 255, mask)."
        _validation.fail("ignore_class", "must not be 0 or 1, which are no edge and edge in the result", taken[0], fix)
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype.kind not in "iub":
        _validation.fail(
            "mask", "must be an integer map (height, width) of classes", (mask.shape, str(mask.dtype)),
            "Pass one mask of whole numbers at a time.",
        )  # fmt: skip
    mask, void, side = mask.astype("int64"), np.isin(mask, ignored), 2 * width + 1
    largest = ndimage.maximum_filter(np.where(void, -_NO_CLASS, mask), side, mode="nearest")
    smallest = ndimage.minimum_filter(np.where(void, _NO_CLASS, mask), side, mode="nearest")
    return np.where(void, mask, largest != smallest).astype("int32")


def add_boundary_targets(dataset, *, width=2, ignore_class=None):
    """The dataset (image, mask) as (image, boundary targets), after augmentation.

    Args:
        dataset: `tf.data.Dataset` of batches (image, mask), masks (batch, height, width), as `from_folder` gives.
        width: as for `boundary_targets`. Defaults to 2.
        ignore_class: None, int or sequence of int, labels of pixels without a class. Defaults to None.

    Returns:
        `tf.data.Dataset` of (image, int32 (batch, height, width)): 0, 1, and -1 for pixels without a class
        (`ignore_class=-1` in losses and metrics).

    Raises:
        InputError, ImportError: as `boundary_targets`; arguments are checked at once.

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


def edges_of(mask, width, ignored):
    """`boundary_targets` with -1 for ignored pixels, whatever their labels.

    Args:
        mask: integer array (height, width) of class ids.
        width: int >= 1, pixels.
        ignored: tuple of the labels of pixels without a class.
    """
    return boundary_targets(np.where(np.isin(mask, ignored), -1, mask.astype("int32")), width=width, ignore_class=-1)
