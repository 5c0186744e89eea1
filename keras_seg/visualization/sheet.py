"""Rows of pictures, under headings and with a legend below."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP, HEADER, TEXT = 6, 26, 15
Legend = Sequence[tuple[str, Sequence[int] | np.ndarray]]


def sheet(
    rows: Sequence[Sequence[np.ndarray]],
    *,
    titles: Sequence[str] = (),
    legend: Legend = (),
    tile_height: int = 220,
    gap: int = GAP,
    margin: int = GAP,
    smooth: bool = False,
) -> Image.Image:
    """One picture of many.

    Args:
        rows: sequence of rows of uint8 arrays (height, width, 3), one per column.
        titles: sequence of str, one per column. Defaults to none.
        legend: sequence of (name, (red, green, blue)). Defaults to none.
        tile_height: int, pixels. Pictures are scaled to this height. Defaults to 220.
        gap: int, pixels between two pictures. Defaults to 6.
        margin: int, pixels around all pictures. Defaults to 6.
        smooth: bool. Whether pictures are interpolated; otherwise their pixels are kept whole. Defaults to False.

    Returns:
        A `PIL.Image.Image`.
    """
    scaled = [[_scaled(tile, tile_height, smooth=smooth) for tile in row] for row in rows]
    widths = [max(tile.width for tile in column) for column in zip(*scaled, strict=True)]
    width = sum(widths) + gap * (len(widths) - 1) + 2 * margin
    top = HEADER if titles else margin
    bottom = top + len(rows) * (tile_height + gap)
    below = _legend(legend, width - 2 * margin) if legend else None
    height = bottom + margin + (below.height if below else -gap)
    picture = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(TEXT)
    left = margin
    for column, side in enumerate(widths):
        if titles:
            draw.text((left, 4), titles[column], fill="black", font=font)
        for row, tiles in enumerate(scaled):
            picture.paste(tiles[column], (left, top + row * (tile_height + gap)))
        left += side + gap
    if below:
        picture.paste(below, (margin, bottom))
    return picture


def _scaled(tile: np.ndarray, height: int, *, smooth: bool) -> Image.Image:
    picture = Image.fromarray(tile)
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST)


def _legend(entries: Legend, width: int) -> Image.Image:
    font, line = ImageFont.load_default(TEXT), TEXT + 9
    places, left, top = [], 0, 0
    for name, _ in entries:
        length = 26 + int(font.getlength(name)) + 16
        if left and left + length > width:
            left, top = 0, top + line
        places.append((left, top))
        left += length
    legend = Image.new("RGB", (width, top + line), "white")
    draw = ImageDraw.Draw(legend)
    for (name, color), (x, y) in zip(entries, places, strict=True):
        draw.rectangle((x, y + 4, x + 18, y + 4 + TEXT), fill=tuple(int(value) for value in color), outline="black")
        draw.text((x + 25, y + 2), name, fill="black", font=font)
    return legend
