"""A picture of the results of an augmentation."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from PIL import Image

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass

GAP = 4
_ALPHA = 0.45


def sheet(
    augment: Callable[..., Any],
    image: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    count: int = 8,
    columns: int = 4,
    seed: int = 0,
    alpha: float = _ALPHA,
    height: int = 160,
    ignore_class: IgnoreClass = None,
) -> Image.Image:
    """Draw an image and examples of its augmentation, with the mask over it.

    Args:
        augment: an `Augmentation`, or any callable of (image, mask, seed).
        image: array (height, width, channels), 0..255; or (batch, height, width, channels) for augmentations that mix
            images, when each example is the first image of a batch.
        mask: integer array of the image's size, or None. Each id has its own color. Defaults to None.
        count: int. Examples. Defaults to 8.
        columns: int. Examples per row. Defaults to 4.
        seed: int; example i has the seed (seed, i). Defaults to 0.
        alpha: float in 0..1, the share of the mask's color. Defaults to 0.45.
        height: int, of each example in pixels. Defaults to 160.
        ignore_class: int or ints, labels of the mask that are drawn black. Defaults to those of the augmentation.

    Returns:
        `PIL.Image.Image`: the image as it is, then the examples.

    Raises:
        InputError: an argument is out of its range, or image and mask do not fit together.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> augment = ks.augmentation.standard(crop=32, ignore_class=255)
        >>> ks.augmentation.sheet(augment, np.zeros((40, 60, 3)), mask=np.ones((40, 60), int), count=3).mode
        'RGB'
    """
    if not callable(augment):
        _validation.fail("augment", "must be an Augmentation or a callable of (image, mask, seed)", augment)
    count, columns = _validation.integer("count", count), _validation.integer("columns", columns)
    alpha, height = _validation.number("alpha", alpha, 0.0, 1.0), _validation.integer("height", height)
    seed = _validation.integer("seed", seed, 0)
    picture = np.asarray(image)
    if picture.ndim not in (3, 4):
        _validation.fail("image", "must be (height, width, channels), with or without a batch axis", picture.shape)
    labels = None if mask is None else np.asarray(mask)
    if labels is not None and labels.shape != picture.shape[:-1]:
        _validation.fail("mask", f"must have the size of the image, {picture.shape[:-1]}", labels.shape)
    for name, value, unset in (("ignore_class", ignore_class, None), ("alpha", alpha, _ALPHA)):
        if labels is None and value != unset:
            _validation.fail(name, "has no effect without a `mask`", value)
    ignored = _validation.ignored_classes(ignore_class) or tuple(getattr(augment, "ignore_class", ()))
    first, examples = _tile(picture, labels, ignored=ignored, alpha=alpha), []
    for i in range(count):
        if labels is None:
            made, ids = augment(picture, seed=(seed, i)), None
        else:
            made, ids = augment(picture, labels, (seed, i))
            ids = np.asarray(keras.ops.convert_to_numpy(ids))
        examples.append(_tile(np.asarray(keras.ops.convert_to_numpy(made)), ids, ignored=ignored, alpha=alpha))
    # Only here, as in `_tile`: what draws takes a tenth of the time of `import keras_seg`.
    from keras_seg.visualization.sheet import sheet as sheet_of_rows

    return sheet_of_rows(
        _rows(first, examples, columns=columns, height=height), tile_height=height, gap=GAP, margin=0, smooth=True
    )


def _rows(first: np.ndarray, examples: list[np.ndarray], *, columns: int, height: int) -> list[list[np.ndarray]]:
    """The image alone in the first column, a blank column, and the examples beside them."""
    examples = examples + [np.full_like(examples[0], 255)] * (-len(examples) % columns)
    blank = np.full((height, GAP, 3), 255, "uint8")
    starts = range(0, len(examples), columns)
    return [[first if i == 0 else np.full_like(first, 255), blank, *examples[i : i + columns]] for i in starts]


def _tile(image: np.ndarray, mask: np.ndarray | None, *, ignored: Sequence[int], alpha: float) -> np.ndarray:
    """One picture, with the mask over it."""
    from keras_seg.visualization.overlay import blend

    if image.ndim == 4:
        image, mask = image[0], None if mask is None else mask[0]
    if mask is None:
        return blend(image)
    color = np.stack([_channel(mask, channel) for channel in range(3)], -1)
    return blend(image, np.where(np.isin(mask, ignored)[..., None], np.float32(0), color), share=alpha)


def _channel(ids: np.ndarray, channel: int) -> np.ndarray:
    """A value in 40..255 per id, for any ids: multiples of irrational numbers are spread evenly."""
    step = (0.7548776662, 0.5698402910, 0.3247179572)[channel]
    return 40 + 215 * np.mod(0.5 + step * ids.astype("float64"), 1.0).astype("float32")
