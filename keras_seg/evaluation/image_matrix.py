"""The confusion matrix of a single image."""

import numpy as np

from keras_seg.metrics import BoundaryIoU, ConfusionMatrix


def image_matrix(metric: ConfusionMatrix | BoundaryIoU, mask: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The `matrix` of a metric for one image (height, width) alone."""
    metric.reset_state()
    metric.update_state(mask[None], ids[None])
    return metric.matrix
