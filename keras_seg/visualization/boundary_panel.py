"""Images, the edges between their classes and the predicted lines, side by side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_seg._types import ArrayLike
from keras_seg.visualization.overlay import blend
from keras_seg.visualization.palette import FALSE_POSITIVE, FOUND, MISSED
from keras_seg.visualization.panel_rows import panel_rows
from keras_seg.visualization.sheet import sheet

TITLES = ("image", "true edges", "probability", "lines")
LEGEND = (("edge, found", FOUND), ("edge, missed", MISSED), ("false positive", FALSE_POSITIVE))


def boundary_panel(
    images: Sequence[ArrayLike],
    y_true: Sequence[ArrayLike],
    y_pred: Sequence[ArrayLike],
    *,
    lines: Sequence[ArrayLike],
    tile_height: int = 220,
) -> Image.Image:
    """Rows of image, true edges, probability of an edge, and lines over the image.

    The last column is the image darkened, with lines near an edge in green, edges far from every line in vermilion, and
    lines far from every edge in yellow; near is within 0.75 % of the diagonal, in rows and columns. Lines on ignored
    pixels are not drawn, as they are in no score.

    Args:
        y_true: sequence of integer arrays (height, width): 1 for an edge, 0 for none, others for ignored pixels, such
            as `data.boundary_targets`.
        y_pred: sequence of float arrays (height, width), the probability of an edge.
        lines: sequence of bool arrays (height, width), the predicted lines.

    Other arguments, result and errors: see `prediction_panel`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> edge = np.eye(40, dtype=int)
        >>> ks.visualization.boundary_panel([np.zeros((40, 40, 3))], [edge], [edge / 2], lines=[edge > 0]).mode
        'RGB'
    """
    rows = []
    for image, truth, probability, line in panel_rows(images, y_true=y_true, y_pred=y_pred, lines=lines):
        rows.append(boundary_row(image, truth, probability, line=line.astype(bool), height=tile_height))
    return sheet(rows, titles=TITLES, legend=LEGEND, tile_height=tile_height)


def boundary_row(
    image: np.ndarray, truth: np.ndarray, probability: np.ndarray, *, line: np.ndarray, height: int
) -> list[np.ndarray]:
    """The pictures of one row, uint8 (height, width, 3), for a picture of some height."""
    plain, edge = blend(image), truth == 1
    gray = [blend(255 * np.asarray(part, "float64")[..., None]) for part in (edge, probability)]
    # Lines of a pixel would be lost where the picture is scaled down.
    thicker = max(0, round(truth.shape[0] / height) - 1)
    return [plain, *gray, _shaded(plain, edge, line & (edge | (truth == 0)), thicker=thicker)]


def _shaded(plain: np.ndarray, edge: np.ndarray, line: np.ndarray, *, thicker: int) -> np.ndarray:
    shade = (0.4 * plain.astype("float32")).astype("uint8")
    reach = max(1, round(0.0075 * float(np.hypot(*edge.shape))))
    shade[edge & ~_near(line, reach)] = MISSED
    found = line & _near(edge, reach)
    shade[_near(line & ~found, thicker)] = FALSE_POSITIVE
    shade[_near(found, thicker)] = FOUND
    return shade


def _near(mask: np.ndarray, reach: int) -> np.ndarray:
    """Whether some pixel within `reach` rows and columns is True."""
    for axis in (0, 1):
        margin = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded, side = np.pad(mask, margin), mask.shape[axis]
        mask = np.any([np.take(padded, range(step, step + side), axis) for step in range(2 * reach + 1)], axis=0)
    return mask
