"""The common style of the lecture's figures: narrow enough for a phone, in colors for the color-blind."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

# Shown at up to 4.8 inches and shrunk to 3.7 on a phone, where 9-point letters are still as large as small print.
WIDTH, DOTS_AN_INCH = 4.8, 200

# Okabe and Ito's colors, in the order in which the generated scenes use them; the background is light gray.
GRAY, ORANGE, SKY, GREEN = (222, 222, 222), (230, 159, 0), (86, 180, 233), (0, 158, 115)
YELLOW, BLUE, VERMILION, PURPLE = (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)
SHAPE_COLORS = np.array([GRAY, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION], "uint8")
CELL_COLORS = np.array([GRAY, SKY, VERMILION], "uint8")  # background, body, border

plt.rcParams.update(
    {
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "legend.fontsize": 8.5,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
)


def ink(color):
    """A color of 0..255 in matplotlib's format."""
    return tuple(value / 255 for value in color)


def canvas(rows, columns, height, **arguments):
    """A figure of the lecture's width and an array (rows, columns) of its axes."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(WIDTH, height), layout="constrained", squeeze=False, **arguments
    )
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.05)
    return figure, axes


def show(axes, picture, title, **arguments):
    """An image without interpolation, with a title and a thin frame."""
    axes.imshow(picture, interpolation="nearest", **arguments)
    axes.set_title(title)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.6", linewidth=0.5)


def box(axes, top, left, bottom, right, color, width=1.5, **arguments):
    """The outline of the pixels from (top, left) up to, not including, (bottom, right)."""
    corner, height, breadth = (left - 0.5, top - 0.5), bottom - top, right - left
    axes.add_patch(
        plt.Rectangle(corner, breadth, height, fill=False, edgecolor=ink(color), linewidth=width, **arguments)
    )


def numbers(axes, grid, title, lit=None, color=SKY, text="{:g}", size=9):
    """A small grid with its numbers written in; `lit` marks the cells to color, by default those that are not 0."""
    grid = np.asarray(grid)
    lit = grid != 0 if lit is None else np.asarray(lit)
    shade = np.where(lit[..., None], np.asarray(color), 255).astype("uint8")
    axes.imshow(shade, interpolation="nearest")
    for row, column in np.ndindex(grid.shape):
        axes.text(column, row, text.format(grid[row, column]), ha="center", va="center", fontsize=size)
    axes.set_title(title)
    axes.set_xticks(np.arange(-0.5, grid.shape[1]), [])
    axes.set_yticks(np.arange(-0.5, grid.shape[0]), [])
    axes.grid(color="0.5", linewidth=0.6)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.5", linewidth=0.6)


def save(figure, path):
    """Save as PNG with 256 colors, which are enough for these pictures."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DOTS_AN_INCH, metadata={"Software": None})
    plt.close(figure)
    Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
