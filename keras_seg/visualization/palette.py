"""Colors for classes."""

import colorsys

import numpy as np

from keras_seg import _validation

VOID_COLOR = (0, 0, 0)
# Okabe and Ito's colors, which color-blind people can tell apart too.
FOUND, MISSED, FALSE_POSITIVE = (0, 158, 115), (213, 94, 0), (240, 228, 66)


def palette(num_classes: int) -> np.ndarray:
    """Distinct colors, one per class, the same for any number of classes.

    Hues follow the golden ratio, so that neighboring ids lie far apart on the color circle, and lightness and
    saturation alternate, so that many classes differ too.

    Args:
        num_classes: int of at least 1.

    Returns:
        uint8 array of shape (num_classes, 3), RGB. Black is reserved for ignored pixels.

    Raises:
        InputError: `num_classes` is not a positive integer.

    Examples:
        >>> import keras_seg as ks
        >>> ks.visualization.palette(11).shape
        (11, 3)
    """
    colors = []
    for index in range(_validation.integer("num_classes", num_classes)):
        hue = (0.58 + index * 0.618033988749895) % 1.0
        lightness = (0.55, 0.40, 0.70)[index % 3]
        saturation = (0.75, 0.90, 0.55)[(index // 3) % 3]
        colors.append([round(255 * value) for value in colorsys.hls_to_rgb(hue, lightness, saturation)])
    return np.array(colors, "uint8")
