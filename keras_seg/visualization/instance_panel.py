"""Images, their true objects and their predicted ones, side by side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_seg._labels.pair_counts import pair_counts
from keras_seg._types import ArrayLike
from keras_seg.visualization.outlines import outlines
from keras_seg.visualization.overlay import blend
from keras_seg.visualization.palette import FALSE_POSITIVE, FOUND, MISSED
from keras_seg.visualization.panel_rows import panel_rows
from keras_seg.visualization.sheet import sheet

TITLES = ("image", "true objects", "predicted objects", "found or not")
LEGEND = (("found", FOUND), ("missed", MISSED), ("false positive", FALSE_POSITIVE))


def instance_panel(
    images: Sequence[ArrayLike], y_true: Sequence[ArrayLike], y_pred: Sequence[ArrayLike], *, tile_height: int = 220
) -> Image.Image:
    """Rows of image, true and predicted objects by their outlines, and matches.

    The last column is the image darkened, with objects that were found (intersection over union above 0.5) in green,
    missed objects in vermilion and false positives in yellow. Ignored pixels belong to no predicted object, as in the
    scores.

    Args:
        y_true: sequence of integer arrays (height, width): 0 for no object, negative for ignored pixels.
        y_pred: sequence of integer arrays (height, width): 0 and below for no object.

    Other arguments, result and errors: see `prediction_panel`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> ids = np.zeros((40, 60), int)
        >>> ids[10:20, 10:20] = 1
        >>> ks.visualization.instance_panel([np.zeros((40, 60, 3))], [ids], [ids]).mode
        'RGB'
    """
    rows = []
    for image, *ids in panel_rows(images, integers=("y_true", "y_pred"), y_true=y_true, y_pred=y_pred):
        rows.append(instance_row(image, *ids, height=tile_height))
    return sheet(rows, titles=TITLES, legend=LEGEND, tile_height=tile_height)


def instance_row(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, height: int) -> list[np.ndarray]:
    """The pictures of one row, uint8 (height, width, 3), for a picture of some height."""
    prediction = np.where(truth < 0, 0, prediction)
    # Numbered 0, 1, ... so that tables of them are as long as there are objects.
    truth, prediction = (_compact(np.maximum(item, 0)) for item in (truth, prediction))
    matches = _matches(truth, prediction)
    plain = blend(image)
    # Lines of a pixel would be lost where the picture is scaled down.
    width = max(1, round(truth.shape[0] / height))
    # A found object has the color of its truth; false positives continue the palette where that ends.
    alone = truth.max(initial=0) + np.arange(len(matches))
    colors = np.where(matches > 0, matches, np.where(np.arange(len(matches)) > 0, alone, 0))
    return [
        plain,
        outlines(plain, truth, width=width),
        outlines(plain, colors[prediction], width=width),
        _shaded(plain, truth, prediction, matches=matches),
    ]


def _compact(ids: np.ndarray) -> np.ndarray:
    return np.unique(np.append(ids, 0), return_inverse=True)[1][:-1].reshape(ids.shape)


def _matches(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """For each predicted object the true one whose intersection over union with it exceeds 0.5, or 0."""
    true, predicted, shared = pair_counts(truth.ravel(), prediction.ravel())
    true_sizes, predicted_sizes = np.bincount(truth.ravel()), np.bincount(prediction.ravel())
    union = true_sizes[true] + predicted_sizes[predicted] - shared
    match = (true > 0) & (predicted > 0) & (shared > 0.5 * union)
    matches = np.zeros(len(predicted_sizes), int)
    matches[predicted[match]] = true[match]
    return matches


def _shaded(plain: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, matches: np.ndarray) -> np.ndarray:
    shade = 0.4 * plain.astype("float32")
    found = np.isin(truth, matches[matches > 0])
    shade[found] = 0.45 * shade[found] + 0.55 * np.array(FOUND)
    shade[(prediction > 0) & (matches[prediction] == 0)] = FALSE_POSITIVE
    shade[(truth > 0) & ~found] = MISSED
    return outlines(blend(shade), truth, color=(0, 0, 0))
