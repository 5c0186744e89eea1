"""The steps in which an image can be moved under a network so that its output moves along."""

import math
from typing import Any

import keras

from keras_seg._graph import as_functional
from keras_seg.analysis.receptive_field import followed


def shift_stride(model: keras.Model) -> Any:
    """The least common multiple of the strides of all maps of a model: the grid that its poolings lay over an image.

    Moved by a multiple of it, an image gives the same output moved along, but for what the padding reaches. Moved by
    anything else, other pixels meet in a pooling and the numbers change. Tiles are cut on this grid for that reason.

    A layer with a property `shift_stride`, such as `PadToStride`, counts with that. Layers whose reach is not known count as stride 1. A model without
    a graph, such as a subclassed one, has the strides of the functional models it holds, and 1 where it holds none.

    Args:
        model: `keras.Model` with one image as input.

    Returns:
        (rows, columns), two ints in pixels.

    Raises:
        ValueError: if the model is functional and does not have one image as input.

    Examples:
        >>> import keras_seg as ks
        >>> ks.analysis.shift_stride(ks.models.UNet(num_classes=2, filters=4, depth=3))
        (8, 8)
    """
    if as_functional(model) is None:
        inner = [layer for layer in getattr(model, "layers", ()) if as_functional(layer) is not None]
        strides = [shift_stride(layer) for layer in inner]
    else:
        functional, _, fields = followed(model)
        # A stride of 1/2, of a map finer than the image, or of 3/2 has its grid at every first or third pixel.
        strides = [tuple(span.stride.numerator for span in found.spans) for found in fields.values()]
        strides += [layer.shift_stride for layer in functional._flatten_layers() if hasattr(layer, "shift_stride")]
    return tuple(math.lcm(*(stride[axis] for stride in strides)) for axis in (0, 1))
