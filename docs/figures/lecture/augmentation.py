"""One image of cells, augmented five times, with its mask."""

import numpy as np
from canvas import YELLOW, canvas, show

import keras_seg as ks

VOID = 255
NAMES = ("original", "flips and rotations", "elastic", "zoom and shift", "light and color", "noise")


def recipes():
    """One augmentation per name except for the first."""
    a, always = ks.augmentation, {"probability": 1.0}
    return (
        a.Augmentation([a.Flip("both", **always), a.Rotate90(), a.Rotate((25, 25))], ignore_class=VOID),
        a.Augmentation([a.Elastic(6)], ignore_class=VOID),
        a.Augmentation([a.Scale((1.7, 1.7)), a.Translate(0.15)], ignore_class=VOID),
        a.Augmentation([a.Brightness((0.25, 0.25)), a.Hue((0.25, 0.25)), a.Contrast((-0.3, -0.3))], ignore_class=VOID),
        a.Augmentation([a.Noise((28, 28), **always)], ignore_class=VOID),
    )


def draw():
    """Outlines of the mask over each image: they move with it, and stay in place if only the light changes."""
    image, ids = ks.data.cells_scene(13, image_size=(72, 96))
    figure, axes = canvas(3, 2, 5.6)
    pairs = [(image, ids)]
    for recipe in recipes():
        changed, mask = recipe(image, ids.astype("int32"), seed=4)
        pairs.append((changed, mask))
    for axis, name, (picture, mask) in zip(axes.flat, NAMES, pairs, strict=True):
        objects = np.asarray(mask).astype("int32") % VOID
        show(axis, ks.visualization.outlines(np.asarray(picture), objects, color=YELLOW), name)
    return figure
