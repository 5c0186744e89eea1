"""Rows of pictures under headings, with a legend below."""

from PIL import Image, ImageDraw, ImageFont

GAP, HEADER, TEXT = 6, 26, 15


def sheet(titles, rows, legend, tile_height=220):
    """One picture of many.

    Args:
        titles: sequence of str, one a column.
        rows: sequence of rows of uint8 arrays (height, width, 3), one a column.
        legend: sequence of (name, (red, green, blue)).
        tile_height: int, pixels. Pictures are scaled to this height, pixels kept whole. Defaults to 220.

    Returns:
        A `PIL.Image.Image`.
    """
    rows = [[_scaled(tile, tile_height) for tile in row] for row in rows]
    widths = [max(row[column].width for row in rows) for column in range(len(titles))]
    width = sum(widths) + GAP * (len(titles) + 1)
    below = _legend(legend, width - 2 * GAP)
    picture = Image.new("RGB", (width, HEADER + len(rows) * (tile_height + GAP) + below.height + GAP), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(TEXT)
    left = GAP
    for column, title in enumerate(titles):
        draw.text((left, 4), title, fill="black", font=font)
        for row, tiles in enumerate(rows):
            picture.paste(tiles[column], (left, HEADER + row * (tile_height + GAP)))
        left += widths[column] + GAP
    picture.paste(below, (GAP, HEADER + len(rows) * (tile_height + GAP)))
    return picture


def _scaled(tile, height):
    picture = Image.fromarray(tile)
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.NEAREST)


def _legend(entries, width):
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
