"""Objects drawn by their outlines over the image."""

from collections.abc import Sequence

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.visualization.overlay import blend
from keras_seg.visualization.palette import palette


def outlines(
    image: ArrayLike, ids: ArrayLike, *, color: Sequence[float] | np.ndarray | None = None, width: int = 1
) -> np.ndarray:
    """The image with a line around each object, just inside of it.

    Args:
        image: array (height, width, channels), 0..255; see `overlay`.
        ids: integer array (height, width): 0 and below for no object, other numbers for the objects.
        color: (red, green, blue) in 0..255 for all objects, or None for a different color per object. Defaults to None.
        width: int of at least 1, pixels. Defaults to 1.

    Returns:
        uint8 array (height, width, 3).

    Raises:
        InputError: the sizes disagree, `ids` is no integer map, or `color` or `width` is out of range.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> ids = np.zeros((4, 6), int)
        >>> ids[:, :3] = 1
        >>> ks.visualization.outlines(np.zeros((4, 6, 3)), ids, color=(255, 0, 0))[1, :, 0].tolist()
        [0, 0, 255, 0, 0, 0]
    """
    image, ids = np.asarray(image), np.asarray(ids)
    width = _validation.integer("width", width)
    if image.ndim != 3 or ids.ndim != 2 or image.shape[:2] != ids.shape or ids.dtype.kind not in "iub":
        rule = f"must be an integer map of the height and width of the image {image.shape}"
        _validation.fail("ids", rule, (ids.shape, str(ids.dtype)))
    picture = blend(image)
    line = _rim(ids, width)
    if color is None:
        # The palette's colors in turn, the first for id 1.
        colors = palette(min(int(ids.max(initial=0)), 64) or 1)
        picture[line] = colors[(ids[line] - 1) % len(colors)]
    else:
        if not isinstance(color, (tuple, list, np.ndarray)) or len(color) != 3:
            _validation.fail("color", "must be None or (red, green, blue)", color)
        picture[line] = [round(_validation.number("color", float(value), 0, 255)) for value in color]
    return picture


def _rim(ids: np.ndarray, width: int) -> np.ndarray:
    """Pixels of objects with another id, or none, within `width` steps to the side, up or down."""
    other = np.zeros(ids.shape, bool)
    for axis in (0, 1):
        for step in range(1, width + 1):
            ahead = [slice(None)] * 2
            behind = [slice(None)] * 2
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            differs = ids[tuple(ahead)] != ids[tuple(behind)]
            other[tuple(ahead)] |= differs
            other[tuple(behind)] |= differs
    return other & (ids > 0)
