"""A receptive field drawn over an image."""

import math
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.analysis.receptive_field import ReceptiveField

_FIELD, _NEIGHBOR, _OUTSIDE = (230, 40, 40), (255, 190, 60), (200, 200, 200)


def draw_receptive_field(
    image: ArrayLike, field: ReceptiveField, *, unit: tuple[int, int] | None = None, scale: int = 1
) -> Image.Image:
    """Draw the pixels that one unit depends on as a box over an image, with its center and the box of the next unit.

    The area outside the image, which is padding to the network, is gray.

    Args:
        image: array (height, width, 3) or (height, width, 1). Values 0..255.
        field: `ReceptiveField`. The field to draw.
        unit: pair of ints (row, column), or None for the unit nearest to the middle of the image. Defaults to None.
        scale: int. Size of an image pixel in the drawing. Defaults to 1.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        InputError: if the field is the whole image, or an argument is invalid.

    Examples:
        >>> import keras, keras_seg as ks, numpy as np
        >>> vgg = keras.applications.VGG16(include_top=False, weights=None)
        >>> field = ks.analysis.receptive_field(vgg, layer="block3_pool")
        >>> ks.analysis.draw_receptive_field(np.zeros((64, 96, 3)), field, unit=(0, 0)).size
        (114, 82)
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        _validation.fail("image", "must be an array (height, width, 3) or (height, width, 1)", image.shape)
    if field.size == math.inf:
        _validation.fail("field", "must be smaller than the whole image", field.layer, "Choose an earlier layer.")
    scale = _validation.integer("scale", scale)
    height, width = image.shape[:2]
    place: Any = unit
    if unit is None:
        place = [_middle(span, side) for span, side in zip(field.spans, (height, width), strict=True)]
    row, column = _validation.pair("unit", place, minimum=0)
    box, neighbor = field.box(row, column), field.box(row + 1, column + 1)

    top, left = int(min(0, box[0])), int(min(0, box[1]))
    bottom, right = max(height, box[2]), max(width, box[3])
    canvas = Image.new("RGB", (right - left, bottom - top), _OUTSIDE)
    pixels = np.broadcast_to(np.clip(np.rint(image), 0, 255).astype("uint8"), (height, width, 3))
    canvas.paste(Image.fromarray(np.ascontiguousarray(pixels)), (-left, -top))
    canvas = canvas.resize((canvas.width * scale, canvas.height * scale), Image.Resampling.NEAREST)

    draw = ImageDraw.Draw(canvas)
    for (y0, x0, y1, x1), color in ((neighbor, _NEIGHBOR), (box, _FIELD)):
        corners = [(x0 - left) * scale, (y0 - top) * scale, (x1 - left) * scale - 1, (y1 - top) * scale - 1]
        draw.rectangle(corners, outline=color, width=max(1, scale // 2))
    y, x = ((box[side] + box[side + 2]) / 2 for side in (0, 1))
    y, x, arm = (y - top) * scale, (x - left) * scale, 3 * scale
    draw.line((x - arm, y, x + arm, y), fill=_FIELD, width=scale)
    draw.line((x, y - arm, x, y + arm), fill=_FIELD, width=scale)
    return canvas


def _middle(span: Any, side: int) -> int:
    """The unit whose center is nearest to the middle of `side` pixels."""
    return max(0, round((side / 2 - 0.5 - float(span.center(0))) / float(span.stride)))
