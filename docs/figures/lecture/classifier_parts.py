"""The outputs of the layers of a classifier for one image, one after the other."""

import keras
import numpy as np
from canvas import BLUE, canvas, ink, show

import keras_seg as ks

# Brighter to the right, downward, and along both diagonals: the first filters of trained networks look similar.
ACROSS = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "float32")
SLANTED = np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]], "float32")
FILTERS = {"|": ACROSS, "/": SLANTED, "-": ACROSS.T, "\\": SLANTED[::-1]}


def draw():
    """Convolution, activation, pooling twice, global average."""
    image, _ = ks.data.shapes_scene(35, image_size=(66, 66))
    gray = image.mean(-1)[None, ..., None] / 255
    convolution = keras.layers.Conv2D(len(FILTERS), 3, use_bias=False)
    convolution.build(gray.shape)
    convolution.set_weights([np.stack([*FILTERS.values()], -1)[:, :, None]])
    layers = [convolution, keras.layers.ReLU(), keras.layers.MaxPooling2D(), keras.layers.MaxPooling2D()]
    maps = [gray]
    for layer in [*layers, keras.layers.GlobalAveragePooling2D()]:
        maps.append(np.asarray(layer(maps[-1])))
    _, convolved, active, pooled, twice, average = maps
    chosen = int(average[0].argmax())
    most = np.percentile(active[0, ..., chosen], 99.5)
    gray_scale = {"cmap": "gray", "vmin": 0, "vmax": most}

    def size(values):
        return f"{values.shape[1]}x{values.shape[2]}"

    figure, axes = canvas(3, 2, 6.6)
    show(axes[0, 0], image, f"the image, {size(gray)}")
    title = f"convolution, {size(convolved)}:\nred matches the filter, blue its negative"
    show(axes[0, 1], convolved[0, ..., chosen], title, cmap="RdBu_r", vmin=-most, vmax=most)
    show(axes[1, 0], active[0, ..., chosen], "activation (ReLU):\nonly positive responses", **gray_scale)
    show(axes[1, 1], pooled[0, ..., chosen], f"max pooling, {size(pooled)}:\nthe largest of each 2x2", **gray_scale)
    show(axes[2, 0], twice[0, ..., chosen], f"pooling again, {size(twice)}", **gray_scale)
    axes[2, 1].bar(range(len(FILTERS)), average[0], color=ink(BLUE))
    axes[2, 1].set_xticks(range(len(FILTERS)), [*FILTERS], fontsize=12, weight="bold")
    axes[2, 1].set_title("global average:\none number per filter")
    axes[2, 1].set(yticks=[], xlabel="filter, by the direction of its edges")
    return figure
