"""Images, their truth and their predictions, side by side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass
from keras_seg.visualization.class_sets import overlay_classes
from keras_seg.visualization.overlay import blend, colorize
from keras_seg.visualization.palette import VOID_COLOR, palette
from keras_seg.visualization.panel_rows import panel_rows
from keras_seg.visualization.sheet import sheet

TITLES = ("image", "truth", "prediction", "wrong pixels")
_WRONG, _IGNORED = (230, 40, 40), 128


def prediction_panel(
    images: Sequence[ArrayLike],
    y_true: Sequence[ArrayLike],
    y_pred: Sequence[ArrayLike],
    *,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str],
    overlapping: bool = False,
    tile_height: int = 220,
) -> Image.Image:
    """Rows of image, truth, prediction and errors, with a legend below.

    The last column is the image darkened, with wrong pixels in red and ignored pixels in gray. In the truth, ignored
    pixels are black.

    Args:
        images: sequence of arrays (height, width, channels), 0..255.
        y_true: sequence of integer arrays (height, width); ids outside the classes are ignored pixels.
        y_pred: sequence of integer arrays (height, width).
        ignore_class: None, int or sequence of int. Classes of `y_true` whose pixels are ignored, too. Defaults to None.
        class_names: sequence of str, one per class.
        overlapping: bool. Whether bit k of a pixel says that it belongs to class k, so that it may have several classes
            or none: it is drawn in their mean color over the image, and is wrong if some class is. Defaults to False.
        tile_height: int, pixels. Pictures are scaled to this height. Defaults to 220.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        InputError: lengths or sizes disagree, a mask does not hold integers, or `ignore_class` is given for overlapping
            classes.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> mask = np.zeros((40, 60), int)
        >>> ks.visualization.prediction_panel([np.zeros((40, 60, 3))], [mask], [mask], class_names=["sky"]).mode
        'RGB'
    """
    ignored = _validation.ignored_classes(ignore_class)
    if overlapping and ignored:
        _validation.fail("ignore_class", "does not apply to classes that overlap", ignore_class, "Leave it out.")
    colors = palette(len(class_names))
    rows = [
        prediction_row(*row, colors=colors, ignore_class=ignored, overlapping=overlapping)
        for row in panel_rows(images, integers=("y_true", "y_pred"), y_true=y_true, y_pred=y_pred)
    ]
    return sheet(rows, titles=TITLES, legend=list(zip(class_names, colors, strict=True)), tile_height=tile_height)


def prediction_row(
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    *,
    colors: np.ndarray,
    ignore_class: Sequence[int] = (),
    overlapping: bool = False,
) -> list[np.ndarray]:
    """The pictures of one row, uint8 (height, width, 3)."""
    plain = blend(image)
    if overlapping:
        maps = [overlay_classes(image, bits, colors) for bits in (truth, prediction)]
        return [plain, *maps, _errors(plain, truth != prediction)]
    counted = (truth >= 0) & (truth < len(colors)) & ~np.isin(truth, ignore_class)
    wrong = _errors(plain, counted & (truth != prediction), ignored=~counted)
    drawn = colorize(truth, colors)
    drawn[~counted] = VOID_COLOR
    return [plain, drawn, colorize(prediction, colors), wrong]


def _errors(plain: np.ndarray, wrong: np.ndarray, *, ignored: np.ndarray | None = None) -> np.ndarray:
    """The image darkened, with wrong pixels in red and ignored pixels in gray."""
    shade = 0.35 * plain.astype("float32")
    if ignored is not None:
        shade[ignored] = _IGNORED
    shade[wrong] = _WRONG
    return shade.astype("uint8")
