"""LeNet on one patch and on a larger image: the same path inside a wider one."""

import matplotlib.pyplot as plt
from canvas import GRAY, SKY, VERMILION, canvas, ink

import keras_seg as ks

SIDES = (32, 48)
CONVOLUTIONS = ("image", "conv\n5x5", "pool", "conv\n5x5", "pool")
NAMES = (*CONVOLUTIONS, *(f"dense\n{n}\n= conv\n{k}x{k}" for n, k in ((120, 5), (84, 1), (10, 1))))
TOPS = (0, 62)  # Top edges of the two rows.


def sides(model, size):
    """Height of the image and of each map after a convolution or pooling layer."""
    found = [size]
    for layer in model.layers:
        if type(layer).__name__ in ("Conv2D", "MaxPooling2D"):
            found.append(layer.compute_output_shape((1, found[-1], found[-1], layer.input.shape[-1]))[1])
    return found


def draw():
    """Squares to scale, one row per image size."""
    patches = ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1))
    anywhere = ks.surgery.convolutionalize(patches)
    patch, whole = (sides(anywhere, size) for size in SIDES)
    figure, axes = canvas(1, 1, 2.75)
    axes, left = axes[0, 0], 0
    for small, large, name in zip(patch, whole, NAMES, strict=True):
        x = left + max(large, 33) / 2
        for top, side, shade in ((TOPS[0], small, GRAY), (TOPS[1], large, SKY)):
            style = {"facecolor": ink(shade), "edgecolor": "0.3", "linewidth": 0.7}
            axes.add_patch(plt.Rectangle((x - side / 2, top), side, side, **style))
            axes.text(x, top + side + 3, str(side), ha="center", va="top", fontsize=8)
        style = {"fill": False, "edgecolor": ink(VERMILION), "linewidth": 1.3}
        axes.add_patch(plt.Rectangle((x - large / 2, TOPS[1]), small, small, **style))
        axes.text(x, TOPS[1] + SIDES[1] + 15, name, ha="center", va="top", fontsize=7.5)
        left += max(large, 33) + 7
    axes.text(0, TOPS[0] - 3, f"a patch of {SIDES[0]}x{SIDES[0]}: one output", va="bottom")
    axes.text(0, TOPS[1] - 3, f"an image of {SIDES[1]}x{SIDES[1]}: {whole[-1]}x{whole[-1]} outputs", va="bottom")
    axes.set(xlim=(-2, left), ylim=(TOPS[1] + SIDES[1] + 52, -12), aspect="equal")
    axes.axis("off")
    return figure
