"""Mean IoU of counted pixels."""

import numpy as np


def mean_iou(right: np.ndarray, union: np.ndarray) -> np.ndarray:
    """Mean IoU over the classes that occur, along the last axis; NaN where none does."""
    iou = np.divide(right, union, out=np.zeros_like(right), where=union > 0)
    occurring = (union > 0).sum(axis=-1)
    return np.where(occurring > 0, iou.sum(axis=-1) / np.maximum(occurring, 1), np.nan)
