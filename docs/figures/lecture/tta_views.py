"""Predictions for two orientations of an image, and the mean of all eight views."""

import numpy as np
from canvas import CELL_COLORS, canvas, show
from nets import TEST, cells, unet

import keras_seg as ks


def draw():
    """Two views transformed back, the mean of all eight, and its entropy."""
    images, classes = cells(TEST)
    model = unet()
    chosen = 3
    image, truth = images[chosen], classes[chosen]
    tta = ks.inference.TestTimeAugmentation(model, transforms="d4", uncertainty="entropy")
    merged, unsure = (np.asarray(part)[0] for part in tta.predict_on_batch(image[None]))
    plain = np.asarray(model.predict_on_batch(image[None]))[0]
    turned = np.rot90(np.asarray(model.predict_on_batch(np.rot90(image)[None].copy()))[0], -1)

    def iou(scores):
        metric = ks.metrics.MeanIoU(num_classes=3)
        metric.update_state(truth[None], scores[None])
        return f"mean IoU {float(metric.result()):.3f}"

    def mask(scores):
        return ks.visualization.colorize(scores.argmax(-1), CELL_COLORS)

    figure, axes = canvas(3, 2, 7.4)
    show(axes[0, 0], image.astype("uint8"), "test image")
    show(axes[0, 1], ks.visualization.colorize(truth, CELL_COLORS), "truth")
    show(axes[1, 0], mask(plain), f"as it lies\n{iou(plain)}")
    show(axes[1, 1], mask(turned), f"rotated by 90° and back\n{iou(turned)}")
    show(axes[2, 0], mask(merged), f"mean of eight views\n{iou(merged)}")
    show(axes[2, 1], unsure[..., 0], "entropy of the mean:\nbright is uncertain", cmap="cividis")
    return figure
