"""Images, their truth and their predictions, side by side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_seg._types import ArrayLike
from keras_seg.visualization.class_sets import overlay_classes
from keras_seg.visualization.overlay import blend, colorize
from keras_seg.visualization.palette import palette
from keras_seg.visualization.panel_rows import panel_rows
from keras_seg.visualization.sheet import sheet

TITLES = ("image", "truth", "prediction", "wrong pixels")
_WRONG, _IGNORED = (230, 40, 40), 128


def prediction_panel(
    images: Sequence[ArrayLike],
    y_true: Sequence[ArrayLike],
    y_pred: Sequence[ArrayLike],
    *,
    class_names: Sequence[str],
    overlapping: bool = False,
    tile_height: int = 220,
) -> Image.Image:
    """Rows of image, truth, prediction and errors, with a legend below.

    The last column is the image darkened, with wrong pixels in red and ignored pixels in gray.

    Args:
        images: sequence of arrays (height, width, channels), 0..255.
        y_true: sequence of integer arrays (height, width); ids outside the classes are ignored pixels.
        y_pred: sequence of integer arrays (height, width).
        class_names: sequence of str, one per class.
        overlapping: bool. Whether bit k of a pixel says that it belongs to class k, so that it may have several classes
            or none: it is drawn in their mean color over the image, and is wrong if some class is. Defaults to False.
        tile_height: int, pixels. Pictures are scaled to this height. Defaults to 220.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        InputError: lengths or sizes disagree, or a mask does not hold integers.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> mask = np.zeros((40, 60), int)
        >>> ks.visualization.prediction_panel([np.zeros((40, 60, 3))], [mask], [mask], class_names=["sky"]).mode
        'RGB'
    """
    colors = palette(len(class_names))
    rows = []
    for image, truth, prediction in panel_rows(images, y_true=y_true, y_pred=y_pred):
        rows.append(prediction_row(image, truth, prediction, colors=colors, overlapping=overlapping))
    return sheet(rows, titles=TITLES, legend=list(zip(class_names, colors, strict=True)), tile_height=tile_height)


def prediction_row(
    image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, colors: np.ndarray, overlapping: bool = False
) -> list[np.ndarray]:
    """The pictures of one row, uint8 (height, width, 3)."""
    plain = blend(image)
    if overlapping:
        maps = [overlay_classes(image, bits, colors) for bits in (truth, prediction)]
        return [plain, *maps, _errors(plain, truth != prediction)]
    counted = (truth >= 0) & (truth < len(colors))
    wrong = _errors(plain, counted & (truth != prediction), ignored=~counted)
    return [plain, colorize(truth, colors), colorize(prediction, colors), wrong]


def _errors(plain: np.ndarray, wrong: np.ndarray, *, ignored: np.ndarray | None = None) -> np.ndarray:
    """The image darkened, with wrong pixels in red and ignored pixels in gray."""
    shade = 0.35 * plain.astype("float32")
    if ignored is not None:
        shade[ignored] = _IGNORED
    shade[wrong] = _WRONG
    return shade.astype("uint8")
