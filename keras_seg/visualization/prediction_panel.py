"""One picture that shows images, truth and predictions side by side."""

import numpy as np

from keras_seg.visualization.overlay import colorize, overlay
from keras_seg.visualization.palette import palette
from keras_seg.visualization.sheet import sheet


def prediction_panel(images, truths, predictions, *, class_names, tile_height=220):
    """Rows of image, truth, prediction and errors, with a legend below.

    The last column shows the image darkened, pixels that are wrong in red, and ignored pixels in gray.

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
        rows.append(
            [
                overlay(image, np.full(truth.shape, -1), colors),
                colorize(truth, colors),
                colorize(prediction, colors),
                _errors(image, truth, prediction, len(colors)),
            ]
        )
    titles = ("image", "truth", "prediction", "wrong pixels")
    return sheet(titles, rows, list(zip(class_names, colors, strict=True)), tile_height)


def _errors(image, truth, prediction, num_classes):
    shade = 0.35 * overlay(image, np.full(truth.shape, -1), num_classes).astype("float32")
    counted = (truth >= 0) & (truth < num_classes)
    shade[~counted] = 128
    shade[counted & (truth != prediction)] = (230, 40, 40)
    return shade.astype("uint8")
