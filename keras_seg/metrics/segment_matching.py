"""How the segments of two maps overlap, and which of them match."""

from collections.abc import Sequence

import numpy as np

# Above it, a segment cannot match two others, so there is nothing to assign.
MATCHING_IOU = 0.5


def overlaps(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(true_ids, predicted_ids, pixels): the segments of two maps of ids, and the int64 pixels of each pair of them."""
    true_ids, rows = np.unique(true, return_inverse=True)
    predicted_ids, columns = np.unique(predicted, return_inverse=True)
    cells = rows.reshape(-1).astype("int64") * len(predicted_ids) + columns.reshape(-1)
    pixels = np.bincount(cells, minlength=len(true_ids) * len(predicted_ids))
    return true_ids, predicted_ids, pixels.reshape(len(true_ids), len(predicted_ids))


def instance_ious(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(ids of the predicted objects, IoU of each true object (row) with each predicted one); 0 is the background."""
    true_ids, predicted_ids, pixels = overlaps(true, predicted)
    union = pixels.sum(axis=1, keepdims=True) + pixels.sum(axis=0, keepdims=True) - pixels
    iou = (pixels / np.maximum(union, 1))[true_ids != 0][:, predicted_ids != 0]
    return predicted_ids[predicted_ids != 0], iou


def counts_of_ious(iou: np.ndarray, thresholds: Sequence[float] | np.ndarray) -> np.ndarray:
    """int64 (thresholds, 3): TP, FP, FN, where objects match if their IoU exceeds the threshold."""
    matched = (iou[None] > np.asarray(thresholds)[:, None, None]).sum(axis=(1, 2))
    return np.stack([matched, iou.shape[1] - matched, iou.shape[0] - matched], axis=1)


def score_of_counts(counts: np.ndarray) -> np.ndarray:
    """Mean over thresholds of `TP / (TP + FP + FN)`, 1 without any object, for counts (..., thresholds, 3)."""
    everything = counts.sum(axis=-1)
    return np.where(everything > 0, counts[..., 0] / np.maximum(everything, 1), 1.0).mean(axis=-1)
