"""The receptive field: with pooling it grows by leaps, without it by one pixel per layer and side."""

import keras
import numpy as np
from canvas import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, box, canvas, ink, show

import keras_seg as ks

SIZE = (224, 224)


def draw():
    """Fields of VGG16 over a scene, and sizes against the number of convolutions."""
    image, _ = ks.data.shapes_scene(21, image_size=SIZE)
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_shape=(*SIZE, 3))
    plain = ks.models.FullResolutionNet(num_classes=2, depth=13, filters=2)
    figure, axes = canvas(2, 1, 6.6, height_ratios=(1.5, 1))
    show(axes[0, 0], image, "")
    small = []
    for number, color in enumerate((SKY, GREEN, ORANGE, PURPLE, VERMILION), start=1):
        field = ks.analysis.receptive_field(vgg, layer=f"block{number}_pool")
        unit = int((SIZE[0] / 2 - field.center) // field.stride)
        top, left, bottom, right = field.box(unit, unit)
        box(axes[0, 0], top, left, bottom, right, color, 2)
        label = {"ha": "right", "va": "bottom", "fontsize": 8, "color": "0", "weight": "bold"}
        if field.size > 30:
            edge = {"facecolor": "w", "edgecolor": "none", "alpha": 0.8, "pad": 1}
            axes[0, 0].text(right - 3, bottom - 4, f"pool{number}: {field.size}", bbox=edge, **label)
        else:
            small.append(f"pool{number}: {field.size}")
    axes[0, 0].set_title(f"one unit after each pooling layer of VGG16\n(the two smallest boxes are {', '.join(small)})")
    layers = [layer.name for layer in vgg.layers if "conv" in layer.name]
    deep = [ks.analysis.receptive_field(vgg, layer=name).size for name in layers]
    flat = [ks.analysis.receptive_field(plain, layer=f"block_{number}_conv").size for number in range(1, 14)]
    count = np.arange(1, 14)
    axes[1, 0].plot(count, deep, "o-", color=ink(VERMILION), markersize=4)
    axes[1, 0].plot(count, flat, "s-", color=ink(BLUE), markersize=4)
    axes[1, 0].text(10.6, deep[-1] - 30, "VGG16, with pooling", ha="right")
    axes[1, 0].text(13, flat[-1] + 9, "no pooling: 1 + 2 L", ha="right")
    axes[1, 0].set(xlabel="3x3 convolutions so far, L", ylabel="receptive field, pixels", xticks=range(1, 14, 2))
    return figure
