"""The steps by which an image can be shifted so that a network's output shifts along."""

import math

import keras

from keras_seg._graph import as_functional
from keras_seg.analysis.receptive_field import followed


def shift_stride(model: keras.Model) -> tuple[int, int]:
    """The least common multiple of the strides of all maps of a model: the grid of its poolings on the image.

    An image shifted by a multiple of it gives the same output, shifted along, except for the part that padding reaches.
    Any other shift changes which pixels share a pooling window, and so the output. Tiles are cut on this grid.

    A layer's property `shift_stride` is included, such as that of `PadToStride`. A layer of unknown reach counts as
    stride 1. A model without a graph, such as a subclassed one, has the strides of the functional models in it, or 1.

    Args:
        model: `keras.Model` with one image as input.

    Returns:
        Pair of ints (rows, columns), in pixels.

    Raises:
        InputError: if the model is functional and does not have one image as input.

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
    rows, columns = (math.lcm(*(stride[axis] for stride in strides)) for axis in (0, 1))
    return rows, columns
