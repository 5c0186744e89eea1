"""The same U-Net with and without its skip connections, after the same seconds of training."""

import numpy as np
from canvas import CELL_COLORS, canvas, show
from nets import TEST, cells, unet

import keras_seg as ks


def draw():
    """Image, ground truth and both predictions; the IoU of the borders over all test images."""
    images, classes = cells(TEST)
    figure, axes = canvas(2, 2, 5.1)
    show(axes[0, 0], images[3].astype("uint8"), "test image")
    show(
        axes[0, 1],
        ks.visualization.colorize(classes[3], CELL_COLORS),
        "ground truth: body, and\nborder where cells touch",
    )
    for axis, skips in zip(axes[1], (False, True), strict=True):
        predicted = np.asarray(unet(skips).predict_on_batch(images))
        metric = ks.metrics.PerClassIoU(num_classes=3)
        metric.update_state(classes, predicted)
        _, body, border = (float(score) for score in metric.result().values())
        title = f"{'with' if skips else 'without'} skips\nIoU body {body:.2f}, border {border:.2f}"
        show(axis, ks.visualization.colorize(predicted[3].argmax(-1), CELL_COLORS), title)
    return figure
