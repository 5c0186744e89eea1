"""The pictures of docs/instances.md: targets, decoding, tiles, and the predictions of three trained models.

The models are trained by the three commands of the page; then

python docs/figures/instances.py RUN_CELLS CELLS RUN_MEMBRANE MEMBRANE RUN_CAMVID CAMVID

rewrites docs/images/instances/. RUN_CELLS is the run folder of `keras-seg train CELLS --task instances`, and so on.
Without arguments only the targets are drawn.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

import keras_seg as ks
from keras_seg.training.tasks import find_task

OUT = pathlib.Path(__file__).parents[1] / "images" / "instances"
CLASSES = np.array([(20, 20, 30), (86, 180, 233), (230, 159, 0)], "uint8")  # Background, body, border.
ENLARGED = 4


def figure(name, *pictures):
    """docs/images/instances/`name`.png of (title, image, color map) in a row; scalar maps get a color bar."""
    made, axes = plt.subplots(1, len(pictures), figsize=(2.5 * len(pictures), 2.9), layout="constrained")
    for axis, (title, image, colors) in zip(axes, pictures, strict=True):
        shown = axis.imshow(image, cmap=colors, interpolation="nearest")
        axis.set_title(title, fontsize=9)
        axis.axis("off")
        if colors is not None:
            made.colorbar(shown, ax=axis, shrink=0.75, pad=0.02).ax.tick_params(labelsize=7)
    made.savefig(OUT / f"{name}.png", dpi=110)
    plt.close(made)


def numbers(ids):
    """A map of objects in colors; background is black."""
    colors = np.concatenate([np.zeros((1, 3), "uint8"), ks.visualization.palette(max(int(ids.max()), 1))])
    return colors[ids]


def enlarged(image, ids):
    """Thin outlines, drawn on enlarged images."""
    image, ids = (np.repeat(np.repeat(part, ENLARGED, 0), ENLARGED, 1) for part in (image, ids))
    return ks.visualization.outlines(image, ids, width=2)


def targets():
    """The training targets for an image of cells."""
    image, ids = ks.data.cells_scene(5, image_size=96)
    ids = ids.astype(int)
    made = ks.data.instance_targets(ids, border_width=2)
    figure(
        "targets",
        ("image", image, None),
        ("ids", numbers(ids), None),
        ("body, border", CLASSES[made.classes], None),
        ("with outlines=True", CLASSES[ks.data.instance_targets(ids, outlines=True).classes], None),
        ("distance", made.distance, "viridis"),
        ("U-Net's weights", ks.data.boundary_weights(ids > 0, instances=ids, sigma=2.0, inside=True), "magma"),
    )


def open_run(folder):
    """The model of a run and its decoding settings."""
    run = ks.training.RunFolder(folder)
    return run.load_model(), run.load_decoding(), run.load_labels()


def decoding(model, settings, index):
    """From probabilities to outlines, on a part of a validation image."""
    image = ks.data.read_image(index.pairs[2].image)
    p = model.predict(image[None].astype("float32"), verbose=0)[0]
    part = (slice(0, 96), slice(0, 96))
    seeds = (p[..., 1] > settings["seed_threshold"]) & (p[..., 2] < settings["border_threshold"])
    ids = ks.inference.instances(p, **settings)
    figure(
        "decoding",
        ("image", image[part], None),
        ("probability of body", p[..., 1][part], "viridis"),
        ("probability of border", p[..., 2][part], "magma"),
        ("seeds", numbers(ndimage.label(seeds[part])[0]), None),
        ("objects", enlarged(image[part], ids[part]), None),
    )


def tiles(model, settings, index):
    """Objects of four tiles, numbered per tile, and stitched."""
    image = ks.data.read_image(index.pairs[0].image)
    height, width = image.shape[:2]
    side, step = 96, height - 96
    parts = []
    for row in (0, step):
        for column in (0, width - side):
            tile = image[row : row + side, column : column + side].astype("float32")
            probabilities = model.predict(tile[None], verbose=0)[0]
            parts.append((ks.inference.instances(probabilities, **settings), (row, column)))
    whole = ks.inference.instances(model.predict(image[None].astype("float32"), verbose=0)[0], **settings)
    stitched = ks.inference.stitch_instances(parts)
    score = ks.metrics.instance_score(whole, stitched)
    print(f"tiles of {side}: {stitched.max()} objects, the whole image {whole.max()}, score {score:.3f}")
    first, last = np.zeros_like(whole), np.zeros_like(whole)
    first[:side, :side], last[step:, width - side :] = parts[0][0], parts[-1][0]
    figure(
        "tiles",
        ("first of four tiles", numbers(first), None),
        ("last of four tiles", numbers(last), None),
        ("stitched", numbers(stitched), None),
        ("decoded as a whole", numbers(whole), None),
    )


def panel(name, task, run, index, positions):
    """Some rows of a run's predictions, as JPEG."""
    model, settings, _ = run
    picture = find_task(task).panel(model, index, positions, settings)
    picture.save(OUT / f"{name}.jpg", quality=80, optimize=True)


def main(arguments):
    """All pictures that the arguments allow."""
    OUT.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"font.size": 9})
    targets()
    if not arguments:
        return
    cells, cells_data, membrane, membrane_data, camvid, camvid_data = arguments
    run = open_run(cells)
    index = ks.data.scan_instances(cells_data, split="val")
    decoding(run[0], run[1], index)
    tiles(run[0], run[1], index)
    index = ks.data.split_index(ks.data.scan_instances(membrane_data))[1]
    panel("membrane", "instances", open_run(membrane), index, [0, 3])
    run = open_run(camvid)
    names, ignored = run[2]["mask_names"], run[2]["ignore_class"]
    index = ks.data.scan_folder(camvid_data, split="val", class_names=names, ignore_class=ignored)
    panel("camvid", "boundary", run, index, [0, 60])


if __name__ == "__main__":
    main(sys.argv[1:])
