"""The six ways on an image, twice in a row: 24x24 to 96x96."""

import keras
import numpy as np
from canvas import canvas, show
from enlarging import WAYS, unpool

import keras_seg as ks


def draw():
    """One picture per way."""
    image, _ = ks.data.cells_scene(13, image_size=(96, 96))
    large = image[..., 1].astype("float32")
    pool = keras.layers.MaxPooling2D()
    half = np.asarray(pool(large[None, ..., None]))[0, ..., 0]
    small = np.asarray(pool(half[None, ..., None]))[0, ..., 0]
    figure, axes = canvas(3, 2, 7.4)
    for axis, (name, enlarge) in zip(axes.flat, WAYS.items(), strict=True):
        switched = name == "max unpooling"
        picture = unpool(unpool(small, half), large) if switched else enlarge(enlarge(small))
        show(axis, picture, name, cmap="gray", vmin=0, vmax=max(170, np.percentile(picture, 99.5)))
    return figure
