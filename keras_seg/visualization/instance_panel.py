"""Images, their objects, and what was found of them, side by side."""

import numpy as np

from keras_seg.visualization.outlines import outlines
from keras_seg.visualization.overlay import overlay
from keras_seg.visualization.sheet import sheet

# Okabe and Ito's colors, told apart by the color-blind too.
_FOUND, _MISSED, _MADE_UP = (0, 158, 115), (213, 94, 0), (240, 228, 66)


def instance_panel(images, truths, predictions, *, tile_height=220):
    """Rows of image, true objects and predicted ones by their outlines, and which were found.

    The last column shows the image darkened, with objects found (intersection over union above 0.5) in green, missed in
    vermilion, made up in yellow.

    Args:
        images: sequence of arrays (height, width, channels), 0..255.
        truths: sequence of integer arrays (height, width): 0 and below for no object.
        predictions: sequence of integer arrays (height, width).
        tile_height: int, pixels. Pictures are scaled to this height. Defaults to 220.

    Returns:
        A `PIL.Image.Image`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> ids = np.zeros((40, 60), int)
        >>> ids[10:20, 10:20] = 1
        >>> ks.visualization.instance_panel([np.zeros((40, 60, 3))], [ids], [ids]).mode
        'RGB'
    """
    rows = []
    for image, truth, prediction in zip(images, truths, predictions, strict=True):
        # Numbered 0, 1, ... so that tables of them are as long as there are objects.
        truth, prediction = (_compact(np.maximum(ids, 0)) for ids in (truth, prediction))
        partner = _partners(truth, prediction)
        plain = overlay(image, np.full(truth.shape, -1), 1)
        # Lines of a pixel would be lost where the picture is scaled down.
        width = max(1, round(truth.shape[0] / tile_height))
        # What was found has the color of its truth; what was made up goes on in the palette where that ends.
        alone = truth.max(initial=0) + np.arange(len(partner))
        shown = np.where(partner > 0, partner, np.where(np.arange(len(partner)) > 0, alone, 0))[prediction]
        rows.append(
            [
                plain,
                outlines(plain, truth, width=width),
                outlines(plain, shown, width=width),
                _judged(plain, truth, prediction, partner),
            ]
        )
    legend = (("found", _FOUND), ("missed", _MISSED), ("made up", _MADE_UP))
    return sheet(("image", "true objects", "predicted objects", "found or not"), rows, legend, tile_height)


def _compact(ids):
    return np.unique(np.append(ids, 0), return_inverse=True)[1][:-1].reshape(ids.shape)


def _partners(truth, prediction):
    """For each predicted object the true one whose intersection over union with it exceeds 0.5, or 0."""
    pairs, shared = np.unique(np.stack([truth.ravel(), prediction.ravel()]), axis=1, return_counts=True)
    true_sizes, predicted_sizes = np.bincount(truth.ravel()), np.bincount(prediction.ravel())
    union = true_sizes[pairs[0]] + predicted_sizes[pairs[1]] - shared
    match = (pairs > 0).all(axis=0) & (shared > 0.5 * union)
    partner = np.zeros(len(predicted_sizes), int)
    partner[pairs[1][match]] = pairs[0][match]
    return partner


def _judged(plain, truth, prediction, partner):
    shade = 0.4 * plain.astype("float32")
    found = np.isin(truth, partner[partner > 0])
    shade[found] = 0.45 * shade[found] + 0.55 * np.array(_FOUND)
    shade[(prediction > 0) & (partner[prediction] == 0)] = _MADE_UP
    shade[(truth > 0) & ~found] = _MISSED
    return outlines(np.clip(np.rint(shade), 0, 255).astype("uint8"), truth, color=(0, 0, 0))
