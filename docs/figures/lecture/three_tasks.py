"""One image and the targets of the three tasks."""

import numpy as np
from canvas import CELL_COLORS, GRAY, GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW, canvas, ink, show

import keras_seg as ks

TURNS = np.array([SKY, ORANGE, GREEN, PURPLE, VERMILION, YELLOW], "uint8")


def draw():
    """The image, its semantic mask, its boundaries, its numbered objects."""
    image, ids = ks.data.cells_scene(13, image_size=(72, 96))
    edges = ks.data.boundary_targets(ids, width=1)
    figure, axes = canvas(2, 2, 4.0)
    show(axes[0, 0], image, "the image")
    show(axes[0, 1], ks.visualization.colorize(np.minimum(ids, 1), CELL_COLORS[:2]), "semantic: is it a cell?")
    show(axes[1, 0], ks.visualization.colorize(edges, np.array([GRAY, VERMILION])), "boundary: where does a cell end?")
    colored = np.where((ids > 0)[..., None], TURNS[ids % len(TURNS)], np.array(GRAY)).astype("uint8")
    show(axes[1, 1], colored, "instance: which cell?")
    for number in range(1, ids.max() + 1):
        depth = ks.data.instance_targets(np.where(ids == number, 1, 0)).distance
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        row = np.clip(row, 4, ids.shape[0] - 5)
        axes[1, 1].text(column, row, number, ha="center", va="center", fontsize=7, color=ink((0, 0, 0)))
    return figure
