"""Dilated kernels enlarge the receptive field without downsampling; the new map contains the values of the old one."""

import keras
import numpy as np
from canvas import SKY, VERMILION, box, canvas, numbers, show

import keras_seg as ks

SIDE = 15


def taps(*dilations):
    """The number of paths from each pixel to the center unit, through 3x3 convolutions with these dilations."""
    middle = np.zeros((1, SIDE, SIDE, 1), "float32")
    middle[0, SIDE // 2, SIDE // 2] = 1
    x = middle
    for dilation in dilations:
        x = keras.layers.Conv2D(1, 3, padding="same", dilation_rate=dilation, kernel_initializer="ones")(x)
    return np.asarray(x)[0, ..., 0]


def net():
    """Three blocks with random weights, each of which halves the map."""
    image = x = keras.Input((None, None, 1))
    for width in (6, 6):
        x = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    return keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(x))


def draw():
    """The receptive field of three dilations; a map before and after `dilate`."""
    figure, axes = canvas(2, 3, 3.85)
    for axis, dilations in zip(axes[0], ((1,), (2,), (1, 2, 4)), strict=True):
        ways = taps(*dilations)
        size = 1 + 2 * sum(dilations)
        title = f"3x3, dilation {dilations[0]}:\n{size}x{size} pixels" if len(dilations) == 1 else None
        numbers(axis, ways, title or f"1, then 2, then 4:\n{size}x{size} pixels", text="", color=SKY)
        edge = (SIDE - size) // 2
        box(axis, edge, edge, SIDE - edge, SIDE - edge, VERMILION, 1.2)
    image, _ = ks.data.shapes_scene(30, image_size=(64, 64))
    gray = image.mean(-1)[None, ..., None].astype("float32") / 255
    coarse = net()
    fine = ks.surgery.dilate(coarse, output_stride=1)
    old, new = (np.asarray(model(gray))[0, ..., 0] for model in (coarse, fine))
    shades = {"cmap": "cividis", "vmin": new.min(), "vmax": new.max()}
    show(axes[1, 0], image, "an image, 64x64")
    show(axes[1, 1], old, "two pooling layers: 16x16", **shades)
    show(axes[1, 2], new, "dilated: 64x64", **shades)
    assert np.allclose(new[::4, ::4], old, atol=1e-5), "the subsampling identity"
    return figure
