"""One picture that shows images, truth and predictions side by side."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_seg.visualization.overlays import colorize, overlay
from keras_seg.visualization.palettes import palette

GAP, HEADER, TEXT = 6, 26, 15


def prediction_panel(images, truths, predictions, class_names, tile_height=220):
    """Rows of image, truth, prediction and errors, with a legend below.

    The last column shows the image darkened, pixels that are wrong in red, and ignored pixels in grey.

    Args:
        images: sequence of arrays (height, width, channels), 0..255.
        truths: sequence of integer arrays (height, width); ids outside the classes are ignored pixels.
        predictions: sequence of integer arrays (height, width).
        class_names: sequence of str, one a class.
        tile_height: int, pixels. Pictures are scaled to this height. Defaults to 220.

    Returns:
        A `PIL.Image.Image`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> mask = np.zeros((40, 60), int)
        >>> ks.visualization.prediction_panel([np.zeros((40, 60, 3))], [mask], [mask], ["sky"]).mode
        'RGB'
    """
    colors = palette(len(class_names))
    rows = []
    for image, truth, prediction in zip(images, truths, predictions, strict=True):
        truth, prediction = np.asarray(truth), np.asarray(prediction)
        tiles = [
            overlay(image, np.full(truth.shape, -1), colors),
            colorize(truth, colors),
            colorize(prediction, colors),
            _errors(image, truth, prediction, len(colors)),
        ]
        rows.append([_scaled(tile, tile_height) for tile in tiles])
    titles = ["image", "truth", "prediction", "wrong pixels"]
    widths = [max(row[column].width for row in rows) for column in range(len(titles))]
    width = sum(widths) + GAP * (len(titles) + 1)
    legend = _legend(class_names, colors, width - 2 * GAP)
    sheet = Image.new("RGB", (width, HEADER + len(rows) * (tile_height + GAP) + legend.height + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
    left = GAP
    for column, title in enumerate(titles):
        draw.text((left, 4), title, fill="black", font=font)
        for row, tiles in enumerate(rows):
            sheet.paste(tiles[column], (left, HEADER + row * (tile_height + GAP)))
        left += widths[column] + GAP
    sheet.paste(legend, (GAP, HEADER + len(rows) * (tile_height + GAP)))
    return sheet


def _errors(image, truth, prediction, num_classes):
    shade = 0.35 * overlay(image, np.full(truth.shape, -1), num_classes).astype("float32")
    counted = (truth >= 0) & (truth < num_classes)
    shade[~counted] = 128
    shade[counted & (truth != prediction)] = (230, 40, 40)
    return shade.astype("uint8")


def _scaled(tile, height):
    picture = Image.fromarray(tile)
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.NEAREST)


def _legend(class_names, colors, width):
    font, line = ImageFont.load_default(TEXT), TEXT + 9
    places, left, top = [], 0, 0
    for name in class_names:
        length = 26 + int(font.getlength(name)) + 16
        if left and left + length > width:
            left, top = 0, top + line
        places.append((left, top))
        left += length
    legend = Image.new("RGB", (width, top + line), "white")
    draw = ImageDraw.Draw(legend)
    for name, color, (x, y) in zip(class_names, colors, places, strict=True):
        draw.rectangle((x, y + 4, x + 18, y + 4 + TEXT), fill=tuple(int(value) for value in color), outline="black")
        draw.text((x + 25, y + 2), name, fill="black", font=font)
    return legend
