"""The sizes of the published U-Net's maps, read from the model: down on the left, up on the right."""

import keras
import matplotlib.pyplot as plt
from canvas import BLUE, SKY, canvas, ink

import keras_seg as ks

SIZE = 572
RIGHT, BOTTOM = 960, 480  # Positions of the decoder's maps and of the deepest one.


def sizes():
    """(input, output) sizes of each encoder level, and of each decoder level."""
    model = ks.models.UNet2015(num_classes=2, input_shape=(SIZE, SIZE, 1), filters=2)
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    joins = [layer for layer in model.layers if isinstance(layer, keras.layers.Concatenate)]
    entering = [SIZE, *(layer.output.shape[1] for layer in pools)]
    joined = [layer.output.shape[1] for layer in joins]
    leaving = [*(layer.input.shape[1] for layer in pools), joined[0] // 2]
    # The decoder has two 3x3 "valid" convolutions; their result is upsampled twofold or is the output.
    onwards = [*(side // 2 for side in joined[1:]), model.output.shape[1]]
    return [*zip(entering, leaving, strict=True)], [*zip(joined, onwards, strict=True)]


def draw():
    """Squares to scale, each with the output size of its level; the border cropped by each skip is dashed."""
    down, up = sizes()
    figure, axes = canvas(1, 1, 4.5)
    axes = axes[0, 0]

    def square(x, y, side, **style):
        style = {"edgecolor": "0.4", "linewidth": 0.7, **style}
        axes.add_patch(plt.Rectangle((x - side / 2, y - side / 2), side, side, **style))

    y = 0
    for level, (before, after) in enumerate(down):
        if level:
            y += down[level - 1][0] / 2 + before / 2 + 130
        deepest = level == len(down) - 1
        x = BOTTOM if deepest else 0
        square(x, y, after, facecolor=ink(SKY))
        axes.text(x - before / 2 - 16, y, f"{before}\nto {after}", ha="right", va="center", fontsize=8)
        if deepest:
            break
        joined, left = up[-1 - level]
        square(RIGHT, y, after, fill=False, linestyle="--", linewidth=0.9)
        square(RIGHT, y, left, facecolor=ink(BLUE))
        axes.text(RIGHT + after / 2 + 16, y, f"{joined}\nto {left}", ha="left", va="center", fontsize=8)
        arrow = {"arrowstyle": "->", "color": "0.3", "linewidth": 1.1}
        axes.annotate("", (RIGHT - after / 2 - 12, y), (before / 2 + 12, y), arrowprops=arrow)
        middle = (before / 2 + RIGHT - after / 2) / 2
        axes.text(middle, y - 12, f"crop {(after - joined) // 2}", ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(-470, 1430), ylim=(y + 40, -300), aspect="equal")
    axes.axis("off")
    axes.plot([], [], "s", color=ink(SKY), markeredgecolor="0.4", label="down")
    axes.plot([], [], "s", color=ink(BLUE), markeredgecolor="0.4", label="up")
    axes.plot([], [], "s", color="w", markeredgecolor="0.4", label="the skip, before its crop")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=3, handletextpad=0.1, columnspacing=1)
    return figure
