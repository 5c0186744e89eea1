"""Borders are few pixels, but matter: U-Net's weight map, and the effect of a growing mask on two metrics."""

import numpy as np
from canvas import BLUE, CELL_COLORS, VERMILION, canvas, ink, show
from scipy import ndimage

import keras_seg as ks

STEPS = range(-4, 5)


def changed(mask, pixels):
    """The mask grown by this many pixels, or shrunk if the number is negative."""
    if pixels == 0:
        return mask
    change = ndimage.binary_dilation if pixels > 0 else ndimage.binary_erosion
    return change(mask > 0, iterations=abs(pixels)).astype("int32")


def draw():
    """Classes, weights, and IoU and boundary IoU of masks that are too large or too small."""
    _, ids = ks.data.cells_scene(13, image_size=(72, 96))
    classes = ks.data.instance_targets(ids).classes
    share = np.bincount(classes.ravel(), minlength=3) / classes.size
    weights = ks.data.boundary_weights(np.minimum(ids, 1), instances=ids, inside=True)
    figure, axes = canvas(2, 2, 4.4)
    title = "background {:.0%}, body {:.0%},\nborder {:.1%} of the pixels".format(*share)
    show(axes[0, 0], ks.visualization.colorize(classes, CELL_COLORS), title)
    show(axes[0, 1], weights, f"weight per pixel,\n1 to {weights.max():.0f}", cmap="cividis")

    grid = axes[1, 0].get_gridspec()
    for axis in axes[1]:
        axis.remove()
    plot = figure.add_subplot(grid[1, :])
    _, large = ks.data.cells_scene(5, image_size=(192, 192))
    mask = np.minimum(large, 1).astype("int32")
    scores = []
    for pixels in STEPS:
        pair = ks.metrics.MeanIoU(num_classes=2), ks.metrics.BoundaryIoU(num_classes=2)
        for metric in pair:
            metric.update_state(mask[None], changed(mask, pixels)[None])
        scores.append([float(metric.result()) for metric in pair])
    overlap, boundary = zip(*scores, strict=True)
    plot.plot(STEPS, overlap, "s-", color=ink(BLUE), markersize=4, label="mean IoU")
    plot.plot(STEPS, boundary, "o-", color=ink(VERMILION), markersize=4, label="boundary IoU")
    plot.set(xlabel="growth of all objects, pixels", xticks=[*STEPS], ylim=(0, 1.03))
    plot.legend(loc="lower right")
    return figure
