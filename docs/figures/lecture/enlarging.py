"""Six ways to make a map twice as high and wide, as functions of an array (height, width)."""

import keras
import numpy as np

import keras_seg as ks

# The positions of the largest values of four windows before pooling: the lecture's example.
POOLED_FROM = np.array([[1, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]], "float32")


def by(layer):
    """A layer as a function of one map."""

    def enlarge(grid):
        return np.asarray(layer(grid[None, ..., None]))[0, ..., 0]

    return enlarge


def unpool(grid, before=None):
    """Each value at the position of its window's maximum in `before`."""
    before = POOLED_FROM if before is None else before
    _, switches = ks.layers.MaxPoolingWithArgmax2D()(before[None, ..., None])
    return np.asarray(ks.layers.MaxUnpooling2D()([grid[None, ..., None], switches]))[0, ..., 0]


def transposed(grid):
    """Kernel of 3x3 ones, stride 2: each value is copied nine times, and overlapping copies are added."""
    layer = keras.layers.Conv2DTranspose(1, 3, strides=2, padding="same", kernel_initializer="ones")
    return by(layer)(grid)


WAYS = {
    "nearest": by(ks.layers.Resize2D(2, interpolation="nearest")),
    "bed of nails": by(ks.layers.BedOfNails2D(2)),
    "bilinear": by(ks.layers.Resize2D(2, interpolation="bilinear")),
    "bicubic": by(ks.layers.Resize2D(2, interpolation="bicubic")),
    "max unpooling": unpool,
    "transposed convolution\n(3x3 of ones)": transposed,
}
