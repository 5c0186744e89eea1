"""A perfect map of class shares at each stride, upsampled bilinearly."""

import keras
import numpy as np
from canvas import SHAPE_COLORS, canvas, show

import keras_seg as ks


def best_drawing(mask, stride):
    """Class shares in each square of stride x stride pixels, upsampled as in FCN."""
    shares = keras.layers.AveragePooling2D(stride)(np.eye(len(SHAPE_COLORS), dtype="float32")[mask][None])
    enlarge = keras.layers.Conv2DTranspose(
        len(SHAPE_COLORS),
        2 * stride,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=ks.initializers.Bilinear(),
    )
    return np.asarray(enlarge(shares))[0].argmax(-1)


def draw():
    """Ground truth, and strides of 32, 16 and 8."""
    _, mask = ks.data.shapes_scene(30, image_size=(160, 160))
    figure, axes = canvas(2, 2, 5.1)
    show(axes[0, 0], ks.visualization.colorize(mask, SHAPE_COLORS), "ground truth, 160x160")
    for axis, stride in zip(axes.flat[1:], (32, 16, 8), strict=True):
        drawn = best_drawing(mask, stride)
        metric = ks.metrics.MeanIoU(num_classes=len(SHAPE_COLORS))
        metric.update_state(mask[None], drawn[None])
        side = 160 // stride
        title = f"from {side}x{side} (stride {stride}):\nmean IoU {float(metric.result()):.2f}"
        show(axis, ks.visualization.colorize(drawn, SHAPE_COLORS), title)
    return figure
