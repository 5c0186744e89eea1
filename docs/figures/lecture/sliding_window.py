"""One patch classifier, slid over an image, in one pass, and at every pixel."""

import time

import numpy as np
from canvas import CELL_COLORS, ORANGE, PURPLE, VERMILION, YELLOW, box, canvas, show
from nets import patch_classifier

import keras_seg as ks

SIDE, SIZE, STEP = 128, 32, 4


def draw():
    """The windows on the image, and three ways to compute the map."""
    model = patch_classifier()
    image = ks.data.cells_scene(31, image_size=SIDE)[0].astype("float32")
    one_pass = ks.surgery.convolutionalize(model)
    every = ks.surgery.dilate(one_pass, output_stride=1)
    ways = {
        "window by window": lambda: ks.inference.sliding_window(model, image, step=STEP),
        "one pass": lambda: np.asarray(one_pass.predict_on_batch(image[None]))[0],
        "dilated: every pixel": lambda: np.asarray(every.predict_on_batch(image[None]))[0],
    }
    figure, axes = canvas(2, 2, 5.2)
    show(axes[0, 0], image.astype("uint8"), "a window and its next two positions;\ndashed: area of the maps")
    for number, color in enumerate((VERMILION, ORANGE, YELLOW)):
        left = 28 + STEP * number
        box(axes[0, 0], 24, left, 24 + SIZE, left + SIZE, color)
        axes[0, 0].plot(left + SIZE // 2, 24 + SIZE // 2, ".", color=np.array(color) / 255, markersize=5)
    ends = SIZE // 2, SIZE // 2, SIDE - SIZE // 2 + 1, SIDE - SIZE // 2 + 1
    box(axes[0, 0], *ends, PURPLE, 1.2, linestyle="--")
    for axis, (name, way) in zip(axes.flat[1:], ways.items(), strict=True):
        way()  # The first call compiles.
        seconds = []
        for _ in range(7):
            begun = time.perf_counter()
            scores = way()
            seconds.append(time.perf_counter() - begun)
        rows, columns = scores.shape[:2]
        calls = f"{rows}x{columns} windows" if "window" in name else f"{rows}x{columns} scores"
        picture = ks.visualization.colorize(scores.argmax(-1), CELL_COLORS)
        show(axis, picture, f"{name}\n{calls}, {1000 * min(seconds):.0f} ms")
    return figure
