"""Images, the edges between their classes, and the lines that were predicted, side by side."""

import numpy as np

from keras_seg.visualization.overlay import overlay
from keras_seg.visualization.sheet import sheet

_MET, _MISSED, _MADE_UP = (0, 158, 115), (213, 94, 0), (240, 228, 66)


def boundary_panel(images, truths, probabilities, *, lines, tile_height=220):
    """Rows of image, true edges, probability of an edge, and lines over the image.

    The last column shows the image darkened, with edges near a line in green, other edges in vermilion, and lines that
    are far from every edge in yellow; near is within 0.75 % of the diagonal, in rows and columns.

    Args:
        images: sequence of arrays (height, width, channels), 0..255.
        truths: sequence of integer arrays (height, width): 1 for an edge.
        probabilities: sequence of float arrays (height, width).
        lines: sequence of bool arrays (height, width).
        tile_height: int, pixels. Pictures are scaled to this height. Defaults to 220.

    Returns:
        A `PIL.Image.Image`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> edge = np.eye(40, dtype=int)
        >>> ks.visualization.boundary_panel([np.zeros((40, 40, 3))], [edge], [edge / 2], [edge > 0]).mode
        'RGB'
    """
    rows = []
    for image, truth, probability, line in zip(images, truths, probabilities, lines, strict=True):
        truth, line = np.asarray(truth) == 1, np.asarray(line, bool)
        plain = overlay(image, np.full(truth.shape, -1), 1)
        gray = [np.repeat(np.rint(255 * np.asarray(part, "float64")).astype("uint8")[..., None], 3, -1)
                for part in (truth, np.clip(probability, 0, 1))]  # fmt: skip
        # Lines of a pixel would be lost where the picture is scaled down.
        rows.append([plain, *gray, _judged(plain, truth, line, max(0, round(truth.shape[0] / tile_height) - 1))])
    legend = (("edge, met", _MET), ("edge, missed", _MISSED), ("made up", _MADE_UP))
    return sheet(("image", "true edges", "probability", "lines"), rows, legend, tile_height)


def _judged(plain, truth, line, thicker):
    shade = (0.4 * plain.astype("float32")).astype("uint8")
    reach = max(1, round(0.0075 * float(np.hypot(*truth.shape))))
    shade[truth & ~_near(line, reach)] = _MISSED
    met = line & _near(truth, reach)
    shade[_near(line & ~met, thicker)] = _MADE_UP
    shade[_near(met, thicker)] = _MET
    return shade


def _near(mask, reach):
    """Whether some pixel within `reach` rows and columns is True."""
    for axis in (0, 1):
        margin = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded, side = np.pad(mask, margin), mask.shape[axis]
        mask = np.any([np.take(padded, range(step, step + side), axis) for step in range(2 * reach + 1)], axis=0)
    return mask
