"""Pixels of several classes, or of none, as colors."""

import numpy as np

from keras_seg._labels.class_bits import unpacked
from keras_seg.visualization.overlay import blend


def overlay_classes(image: np.ndarray, bits: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """The mean color of the classes of each pixel over the image; pixels without a class stay as they are.

    Args:
        image: array (height, width, channels), 0..255.
        bits: integer array (height, width): bit k of a pixel is set if it belongs to class k.
        colors: uint8 array (classes, 3).
    """
    classes = unpacked(bits, len(colors)).astype("float32")
    number = classes.sum(axis=-1, keepdims=True)
    color = classes @ colors.astype("float32") / np.maximum(number, 1)
    return blend(image, color, share=0.5 * (number > 0))
