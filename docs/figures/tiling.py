"""The pictures of docs/tiling.md: the positions and weights of tiles, and the effect of seams.

pip install "keras-seg[tensorflow,docs]"
python docs/figures/tiling.py $KERAS_SEG_DATA/camvid RUN/model.keras
"""

import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib

matplotlib.use("Agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import keras_seg as ks
from keras_seg.inference.tiling.blend_weights import blend_weights

OUT = pathlib.Path(__file__).parents[1] / "images" / "tiling"
TILE, OVERLAP = 160, 0.25
COLORS = ("#00695c", "#e65100", "#283593", "#ad1457", "#558b2f", "#6d4c41")
BLENDS = ("gaussian", "constant", "crop")


def outline(place, side, color):
    """The border of a tile."""
    return Rectangle(place, side, side, fill=False, edgecolor=color, linewidth=1.6)


def layout(image, model):
    """Tiles over an image, and the weights along its columns under each blend."""
    rows, columns = ks.inference.TiledPredictor(model, TILE, overlap=OVERLAP).grid(image.shape[:2])
    figure, axes = plt.subplot_mosaic(
        [["tiles", blend] for blend in BLENDS], figsize=(9, 4.2), width_ratios=(1.25, 1), layout="constrained"
    )
    mirrored = image[np.ix_(rows.positions(), columns.positions())]
    axes["tiles"].imshow(mirrored, alpha=0.25)
    axes["tiles"].imshow(image, alpha=0.4, extent=(-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    for i, top in enumerate(rows.starts):
        for j, left in enumerate(columns.starts):
            inset = 2 + 2 * (2 * (i % 2) + j % 2)  # Coinciding borders are drawn side by side.
            place = (left + inset - 0.5, top + inset - 0.5)
            color = COLORS[(i + j) % len(COLORS)]
            axes["tiles"].add_patch(outline(place, TILE - 2 * inset, color))
    for cut in rows.cuts[1:-1]:
        axes["tiles"].axhline(cut - 0.5, color="black", linewidth=0.8, linestyle=":")
    for cut in columns.cuts[1:-1]:
        axes["tiles"].axvline(cut - 0.5, color="black", linewidth=0.8, linestyle=":")
    axes["tiles"].set(
        xlim=(-0.5, columns.covered - 0.5),
        ylim=(rows.covered - 0.5, -0.5),
        xticks=columns.starts,
        yticks=rows.starts,
        title=f"{len(rows.starts)} x {len(columns.starts)} tiles of {TILE}x{TILE}, overlap {OVERLAP}",
    )
    for blend in BLENDS:
        weights = blend_weights(columns, blend)
        for j, (left, weight) in enumerate(zip(columns.starts, weights, strict=True)):
            axes[blend].plot(left + np.arange(TILE), weight, color=COLORS[j], linewidth=1.4)
        axes[blend].plot(np.full(columns.covered, 1.0), color="0.6", linewidth=0.8, linestyle="--")
        axes[blend].set(ylim=(-0.05, 1.1), yticks=(0, 1), xticks=columns.starts, xlim=(0, columns.covered))
        axes[blend].set_title(f'weights of the tiles of a row, blend="{blend}"', fontsize="medium")
        axes[blend].spines[["top", "right"]].set_visible(False)
    figure.savefig(OUT / "layout.jpg", dpi=100, pil_kwargs={"quality": 88})


def seams(image, model):
    """Classes and the differences from the scores of the whole image, at three overlaps."""
    whole = model.predict_on_batch(image[None].astype("float32"))[0]
    figure, axes = plt.subplots(2, 4, figsize=(12, 5), layout="constrained")
    axes[0, 0].imshow(image)
    axes[0, 0].set_title("image")
    axes[1, 0].imshow(ks.visualization.colorize(whole.argmax(-1), whole.shape[-1]))
    axes[1, 0].set_title("predicted whole")
    for (above, below), overlap in zip(axes[:, 1:].T, (0, 0.25, 0.5), strict=True):
        predictor = ks.inference.TiledPredictor(
            model, TILE, overlap=overlap, blend="crop" if overlap == 0 else "gaussian"
        )
        tiled = predictor.predict(image)
        above.imshow(ks.visualization.colorize(tiled.argmax(-1), whole.shape[-1]))
        above.set_title(f"tiles, overlap {overlap}")
        picture = below.imshow(np.abs(tiled - whole).max(-1), vmin=0, vmax=1, cmap="magma")
        below.set_title("largest difference of a score")
        rows, columns = predictor.grid(image.shape[:2])
        for panel in (above, below):
            for cut in rows.cuts[1:-1]:
                panel.axhline(cut - 0.5, color="white", linewidth=0.5, linestyle=":")
            for cut in columns.cuts[1:-1]:
                panel.axvline(cut - 0.5, color="white", linewidth=0.5, linestyle=":")
    for panel in axes.ravel():
        panel.set_axis_off()
    figure.colorbar(picture, ax=axes[1, 1:], shrink=0.8, aspect=30)
    figure.savefig(OUT / "seams.jpg", dpi=90, pil_kwargs={"quality": 85})


def main():
    """Draw both."""
    data, run = map(pathlib.Path, sys.argv[1:])
    OUT.mkdir(parents=True, exist_ok=True)
    model = keras.saving.load_model(run)
    image = ks.data.read_image(sorted((data / "val" / "images").iterdir())[40])
    layout(image, model)
    seams(image, model)


if __name__ == "__main__":
    main()
