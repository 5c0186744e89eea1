"""Masks as colors, alone and over their image."""

from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.visualization.palette import VOID_COLOR, palette


def colorize(mask: ArrayLike, colors: ArrayLike | int) -> np.ndarray:
    """A mask of class ids as an RGB picture; ids outside the palette (ignored pixels) are black.

    Args:
        mask: integer array (height, width).
        colors: integer array (num_classes, 3) of red, green and blue in 0..255, such as `palette(num_classes)`, or an
            int: that many of the default colors.

    Returns:
        uint8 array (height, width, 3).

    Raises:
        InputError: `mask` is not a two-dimensional integer array, or `colors` are no such colors.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> ks.visualization.colorize(np.array([[0, 1, 255]]), 2)[0, 2].tolist()
        [0, 0, 0]
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or not np.issubdtype(mask.dtype, np.integer):
        _validation.fail("mask", "must be an integer array (height, width)", f"{mask.dtype}{mask.shape}")
    colors = _colors(colors)
    table = np.concatenate([colors, np.array([VOID_COLOR], "uint8")])
    inside = (mask >= 0) & (mask < len(colors))
    return table[np.where(inside, mask, len(colors))]


def overlay(image: ArrayLike, mask: ArrayLike, colors: ArrayLike | int, *, alpha: float = 0.5) -> np.ndarray:
    """A mask drawn over its image, without a color on ignored pixels.

    Args:
        image: array (height, width, channels), 0..255. With more than three channels the first three are drawn, with
            two the first.
        mask: integer array (height, width).
        colors: as for `colorize`.
        alpha: float in 0..1, the share of the mask's color. Defaults to 0.5.

    Returns:
        uint8 array (height, width, 3).

    Raises:
        InputError: the sizes disagree, `colors` are no colors, or `alpha` is out of range.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> ks.visualization.overlay(np.zeros((4, 6, 3)), np.zeros((4, 6), int), 2).shape
        (4, 6, 3)
    """
    alpha = _validation.number("alpha", alpha, 0, 1)
    image, mask = np.asarray(image), np.asarray(mask)
    if image.ndim != 3 or image.shape[:2] != mask.shape:
        _validation.fail("mask", f"must have the height and width of the image {image.shape}", mask.shape)
    colors = _colors(colors)
    share = alpha * ((mask >= 0) & (mask < len(colors)))[..., None]
    return blend(image, colorize(mask, colors), share=share)


def _colors(value: Any) -> np.ndarray:
    """`colors` as uint8 (num_classes, 3). Without the check, colors of 0 to 1 would all become black."""
    if np.ndim(value) == 0:
        return palette(_validation.integer("colors", value))
    colors, rule = np.asarray(value), "must be the number of classes, or (red, green, blue) in 0..255 for each class"
    if colors.ndim != 2 or colors.shape[1] != 3 or colors.dtype.kind not in "iu":
        fix = 'Colors of 0 to 1 are converted by numpy.rint(255 * colors[:, :3]).astype("uint8").'
        _validation.fail("colors", rule, f"{colors.dtype}{colors.shape}", fix)
    if ((colors < 0) | (colors > 255)).any():
        _validation.fail("colors", rule, f"{colors.min()} to {colors.max()}")
    return colors.astype("uint8")


def blend(image: ArrayLike, color: ArrayLike = 0, *, share: ArrayLike = 0.0) -> np.ndarray:
    """An image of any number of channels as RGB, with a `share` of `color`; uint8 (height, width, 3)."""
    image = np.asarray(image, "float32")
    image = np.broadcast_to(image[..., :1], (*image.shape[:-1], 3)) if image.shape[-1] < 3 else image[..., :3]
    mixed = (1 - share) * image + share * np.asarray(color, "float32")
    return np.clip(np.rint(mixed), 0, 255).astype("uint8")
