"""BatchNormalization at inference as one scale and one offset per channel."""

from typing import Any

import keras
import numpy as np

from keras_seg.layers import BatchNormalization

# By exact type: a subclass may compute something else.
BATCH_NORMALIZATIONS = (keras.layers.BatchNormalization, BatchNormalization)


def as_affine(normalization: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """(scale, offset), each of shape `(channels,)` and in float64: the output is `input * scale + offset`."""
    scale = 1 / np.sqrt(as_float64(normalization.moving_variance) + normalization.epsilon)
    if normalization.scale:
        scale = scale * as_float64(normalization.gamma)
    offset = -as_float64(normalization.moving_mean) * scale
    return scale, offset + as_float64(normalization.beta) if normalization.center else offset


def as_float64(variable: Any) -> np.ndarray:
    """The values of a variable as an array of float64."""
    return keras.ops.convert_to_numpy(variable).astype("float64")
