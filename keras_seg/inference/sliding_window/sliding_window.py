"""The literal sliding window: a classifier on every patch of an image, one by one."""

from typing import Any

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from keras_seg import _validation
from keras_seg._types import ArrayLike, Size
from keras_seg.inference.output_kind import check_finite, single_output, sole_output


def sliding_window(model: keras.Model, image: ArrayLike, *, step: Size = 1, batch_size: int = 64) -> np.ndarray:
    """Classify every patch of an image, cut out one after the other.

    This is the reference for `keras_seg.surgery.convolutionalize` and `shift_and_stitch`, which compute the common part
    of neighboring patches once and are many times faster.

    Args:
        model: `keras.Model` from patches `(batch, P_h, P_w, channels)` of a fixed size to `(batch, classes)`.
        image: array (height, width, channels), or (images, height, width, channels).
        step: int or pair of ints. Pixels from one patch to the next. Defaults to 1.
        batch_size: int. Patches predicted together. Defaults to 64.

    Returns:
        Float array (rows, columns, classes), or (images, rows, columns, classes), with
        `floor((height - P_h) / step) + 1` rows. Entry (i, j) belongs to the patch whose upper left corner is the pixel
        `(i * step, j * step)`.

    Raises:
        InputError: if the model has no fixed input size or several outputs, the image is smaller than the patch, or the
            scores are not finite.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> patches = ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1))
        >>> ks.inference.sliding_window(patches, np.zeros((53, 60, 1)), step=4).shape
        (6, 8, 10)

    Reference: Sermanet et al., "OverFeat", 2014, section 3.5, on the common part of windows.
    """
    patch = patch_size(model)
    step = _validation.pair("step", step)
    batch_size = _validation.integer("batch_size", batch_size)
    images = batch_of_images(image, model)
    windows = sliding_window_view(images, patch, axis=(1, 2))[:, :: step[0], :: step[1]]
    grid = windows.shape[:3]
    count = int(np.prod(grid))
    scores = []
    for start in range(0, count, batch_size):
        place = np.unravel_index(np.arange(start, min(start + batch_size, count)), grid)
        scores.append(sole_output(model.predict_on_batch(np.moveaxis(windows[place], 1, -1))))
    scores = np.concatenate(scores).reshape(*grid, -1)
    check_finite(scores, "The scores of `model`")
    return scores if np.ndim(image) == 4 else scores[0]


def patch_size(model: keras.Model) -> tuple[int, int]:
    """(height, width) of a patch classifier's input."""
    if not isinstance(model, keras.Model) or not model.built:
        _validation.fail("model", "must be a keras.Model that is built", model)
    single_output(model)
    shape = tuple(model.input_shape)
    if len(shape) != 4 or None in shape[1:3]:
        fix = "Pass the classifier of patches, not its convolutional form."
        _validation.fail("model", "must take patches (batch, height, width, channels) of a fixed size", shape, fix)
    return shape[1], shape[2]


def patch_stride(model: keras.Model) -> tuple[int, int]:
    """(vertical, horizontal) pixels from one patch of a classifier's one-pass form to the next."""
    # Only here: its package takes a tenth of the time of `import keras_seg`.
    from keras_seg.analysis import receptive_field

    stride: Any = receptive_field(model).stride
    return (stride, stride) if isinstance(stride, int) else stride


def batch_of_images(image: ArrayLike, model: keras.Model) -> np.ndarray:
    """`image` as a float32 batch, if it is at least as large as a patch and has the channels of the model."""
    patch, channels = patch_size(model), model.input_shape[-1]
    images = np.asarray(image, "float32")
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4:
        _validation.fail("image", "must be an array (height, width, channels), or a batch of such", np.shape(image))
    if channels not in (None, images.shape[-1]):
        _validation.fail("image", f"must have the {channels} channels that the model takes", np.shape(image))
    if images.shape[1] < patch[0] or images.shape[2] < patch[1]:
        fix = "Pad or enlarge it."
        _validation.fail(
            "image", f"must be at least as large as the patch, {patch[0]}x{patch[1]}", np.shape(image), fix
        )
    return images
