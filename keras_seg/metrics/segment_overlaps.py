"""How the segments of two maps overlap."""

import numpy as np


def overlaps(true, predicted):
    """(true_ids, predicted_ids, pixels): the segments of two maps of ids, and the int64 pixels of each pair of them."""
    true_ids, rows = np.unique(true, return_inverse=True)
    predicted_ids, columns = np.unique(predicted, return_inverse=True)
    cells = rows.reshape(-1).astype("int64") * len(predicted_ids) + columns.reshape(-1)
    pixels = np.bincount(cells, minlength=len(true_ids) * len(predicted_ids))
    return true_ids, predicted_ids, pixels.reshape(len(true_ids), len(predicted_ids))
