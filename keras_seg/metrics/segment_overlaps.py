"""How the segments of two maps overlap, and which of them are found in the other."""

import numpy as np


def overlaps(true, predicted):
    """(true_ids, predicted_ids, pixels): the segments of two maps of ids, and the int64 pixels of each pair of them."""
    true_ids, rows = np.unique(true, return_inverse=True)
    predicted_ids, columns = np.unique(predicted, return_inverse=True)
    cells = rows.reshape(-1).astype("int64") * len(predicted_ids) + columns.reshape(-1)
    pixels = np.bincount(cells, minlength=len(true_ids) * len(predicted_ids))
    return true_ids, predicted_ids, pixels.reshape(len(true_ids), len(predicted_ids))


def instance_ious(true, predicted):
    """(ids of the predicted objects, IoU of each true object (row) with each predicted one); 0 is no object."""
    true_ids, predicted_ids, pixels = overlaps(true, predicted)
    union = pixels.sum(axis=1, keepdims=True) + pixels.sum(axis=0, keepdims=True) - pixels
    iou = (pixels / np.maximum(union, 1))[true_ids != 0][:, predicted_ids != 0]
    return predicted_ids[predicted_ids != 0], iou


def counts_of_ious(iou, thresholds):
    """int64 (thresholds, 3): objects found, made up and missed, where an IoU above the threshold is a find."""
    found = (iou[None] > np.asarray(thresholds)[:, None, None]).sum(axis=(1, 2))
    return np.stack([found, iou.shape[1] - found, iou.shape[0] - found], axis=1)


def score_of_counts(counts):
    """Mean over thresholds of `TP / (TP + FP + FN)`, 1 where there is nothing, of counts (..., thresholds, 3)."""
    everything = counts.sum(axis=-1)
    return np.where(everything > 0, counts[..., 0] / np.maximum(everything, 1), 1.0).mean(axis=-1)
