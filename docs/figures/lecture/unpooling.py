"""Switches: the position of the largest value of each window is kept, and values return to it."""

import numpy as np
from canvas import ORANGE, YELLOW, canvas, numbers, show

import keras_seg as ks

GRID = np.array([[1, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]], "float32")


def draw():
    """Numbers above, an image below."""
    pool, unpool = ks.layers.MaxPoolingWithArgmax2D(), ks.layers.MaxUnpooling2D()
    pooled, switches = pool(GRID[None, ..., None])
    restored = np.asarray(unpool([pooled, switches]))[0, ..., 0]
    figure, axes = canvas(2, 3, 3.9)
    lit = restored > 0
    numbers(axes[0, 0], GRID, "the largest of each\n2x2 sets a switch", lit, ORANGE)
    numbers(axes[0, 1], np.asarray(pooled)[0, ..., 0], "pooled; the indices\nare kept")
    for (row, column), index in np.ndenumerate(np.asarray(switches)[0, ..., 0]):
        axes[0, 1].text(column + 0.42, row + 0.42, f"index {index}", ha="right", va="bottom", fontsize=6.5)
    numbers(axes[0, 2], restored, "unpooled: back in\ntheir places", lit, ORANGE)

    image, _ = ks.data.cells_scene(13, image_size=(72, 96))
    light = image[12:60, 30:78, 1].astype("float32")
    down, places = pool(light[None, ..., None])
    lit = np.asarray(unpool([np.ones_like(down), places]))[0, ..., 0]
    back = np.asarray(unpool([down, places]))[0, ..., 0]
    gray = {"cmap": "gray", "vmin": 0, "vmax": 200}
    show(axes[1, 0], light, "an image, 48x48", **gray)
    show(axes[1, 1], np.asarray(down)[0, ..., 0], "pooled, 24x24", **gray)
    shades = np.array([(40, 40, 40), YELLOW])
    picture = (shades[0] + (shades[1] - shades[0]) * np.clip(back / 200, 0, 1)[..., None] * lit[..., None]).astype(
        "uint8"
    )
    show(axes[1, 2], picture, "unpooled: one value\nper window, the rest 0")
    return figure
