"""The images that an exported file is compared with Keras on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.export.exportable import check_taken

if TYPE_CHECKING:
    from keras_seg.export.request import Request

# Two sizes that are no multiples of any stride, so that padding and cropping are part of the comparison.
_TRIAL_SIZES = ((70, 90), (97, 65))
# Images in a call of a file that takes any number: a validation set as a whole needs more memory than there is.
_AT_ONCE = 2
# How much larger sides may get until a model takes them.
_LARGER = 256
# What sides are rounded up to multiples of, until a model takes them.
_STRIDES = (1, 2, 4, 8, 16, 32, 64, 128)


def one_array(name: str, values: ArrayLike) -> np.ndarray:
    """Images or masks as one array; fail where they are none, such as a dataset or a list of different sizes.

    Args:
        name: str. Of the argument.
        values: array, or what `numpy.asarray` turns into one.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # NumPy speaks of sequences and of their inhomogeneous parts.
        array = np.asarray(None)
    if array.dtype.kind == "O":
        fix = "Bring all to one size, and put the batches of a dataset together with numpy.concatenate."
        _validation.fail(name, "must be one array of numbers", type(values).__name__, fix)
    return array


def check_compared(images: ArrayLike | None, masks: ArrayLike | None) -> None:
    """Fail unless the images to compare on and their ground truth, where given, are arrays that fit each other."""
    given = None if images is None else one_array("images", images)
    if masks is None:
        return
    shape = one_array("masks", masks).shape
    if given is None or shape != given.shape[:3]:
        _validation.fail("masks", "must be masks (n, height, width) of `images`", shape, "Pass both.")


def comparison_images(
    model: keras.Model, images: ArrayLike | None, input_size: tuple[int, int], *, count: int = 2, seed: int = 0
) -> np.ndarray:
    """The images to compare on: those given, or seeded noise over the whole input range.

    Args:
        model: keras.Model.
        images: array (n, height, width, channels), 0..255, or None.
        input_size: (height, width), which images must have and noise gets.
        count: int. How many noise images. Defaults to 2.
        seed: int. Defaults to 0.

    Returns:
        float32 array (n, height, width, channels).
    """
    shape = (*input_size, model.input_shape[-1])
    if images is None:
        # Blocks as well as single pixels vary, so that the deep layers of the model see structure too.
        rng = np.random.default_rng(seed)
        blocks = rng.uniform(0, 255, size=(count, -(-shape[0] // 16), -(-shape[1] // 16), shape[2]))
        blocks = blocks.repeat(16, axis=1).repeat(16, axis=2)[:, : shape[0], : shape[1]]
        return np.clip(blocks + rng.normal(0, 20, size=(count, *shape)), 0, 255).astype("float32")
    images = one_array("images", images)
    if images.dtype.kind in "SU" or images.ndim != 4 or images.shape[1:] != shape or len(images) == 0:
        _validation.fail("images", f"must be an array (n, {', '.join(map(str, shape))}) with n > 0", images.shape)
    return images.astype("float32", copy=False)


def comparison_batches(request: "Request") -> list[np.ndarray]:
    """The batches to compare on, of the file's type and batch size; small ones where it takes any number of images."""
    height, width = request.size
    if request.images is not None:
        images = one_array("images", request.images)
        sides = images.shape[1:3] if images.ndim == 4 else (height or 1, width or 1)
        found = [comparison_images(request.model, images, (height or sides[0], width or sides[1]))]
    else:
        sizes = _TRIAL_SIZES if None in request.size else _TRIAL_SIZES[:1]
        found = [
            comparison_images(request.model, None, taken_size(request.model, size, fixed=request.size))
            for size in sizes
        ]
    if request.input != "float32":
        found = [np.clip(np.round(batch), 0, 255).astype("uint8") for batch in found]
    if request.batch_size is None:
        return [batch[start : start + _AT_ONCE] for batch in found for start in range(0, len(batch), _AT_ONCE)]
    return [part for batch in found for part in _cut(batch, request.batch_size)]


def taken_size(
    model: keras.Model, size: tuple[int, int], *, fixed: tuple[int | None, int | None] = (None, None)
) -> tuple[int, int]:
    """A size, or a larger one that the model takes: many models join maps that fit for multiples of their stride only.

    Args:
        model: keras.Model.
        size: (height, width).
        fixed: (height, width) to be kept, None for sides that may be any. Defaults to both sides of any.
    """
    height, width = (own or _taken_side(model, side) for own, side in zip(fixed, size, strict=True))
    if None not in fixed:
        return height, width
    for stride in _STRIDES:
        larger = fixed[0] or -(-height // stride) * stride, fixed[1] or -(-width // stride) * stride
        try:
            check_taken(model, larger)
        except _validation.InputError:
            continue
        return larger
    return height, width


def _taken_side(model: keras.Model, side: int) -> int:
    """The side, or the next larger one that the layers take: valid convolutions with poolings refuse most sizes."""
    checks = [layer.check_image for layer in model._flatten_layers() if hasattr(layer, "check_image")]
    for larger in range(side, side + _LARGER):
        try:
            for check in checks:
                check((larger, larger, model.input_shape[-1]))
        except _validation.InputError:
            continue
        return larger
    return side


def _cut(images: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Batches of exactly `size`, the last filled up with its own images."""
    for start in range(0, len(images), size):
        part = images[start : start + size]
        yield part if len(part) == size else np.resize(part, (size, *part.shape[1:]))
