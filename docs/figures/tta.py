"""The pictures of docs/tta.md: the views, their predictions, and the effect of merging them.

python docs/figures/tta.py RUN/model.keras $KERAS_SEG_DATA/camvid  (rewrites docs/images/tta/)
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import keras_seg as ks
from keras_seg.inference import Scale, TestTimeAugmentation
from keras_seg.inference.tta.view import View

OUT = pathlib.Path(__file__).parents[1] / "images" / "tta"
VIEWS = {
    "plain": View(),
    "hflip": View(laid=(False, False, True)),
    "vflip": View(laid=(False, True, False)),
    "rot90": View(laid=(True, True, False)),
    "Scale(0.75)": View(scale=(3, 4)),
    "Scale(1.5)": View(scale=(3, 2)),
    "Shift(64)": View(shift=(64, 64)),
    "Brightness(0.6)": View(gain=0.6),
}


def save(figure, name):
    """Save as a JPEG small enough for the repository."""
    figure.savefig(OUT / f"{name}.jpg", dpi=80, pil_kwargs={"quality": 80})
    plt.close(figure)


def views(model, image, colors):
    """Each view of an image, and below it its map, transformed back."""
    figure, axes = plt.subplots(4, 4, figsize=(12, 11), layout="constrained")
    batch = keras.ops.convert_to_tensor(image[None].astype("float32"))
    for number, (name, view) in enumerate(VIEWS.items()):
        seen = view.apply(batch)
        scores = view.undo(model(seen, training=False), image.shape[:2])
        ids = keras.ops.convert_to_numpy(scores)[0].argmax(-1)
        row, column = 2 * (number // 4), number % 4
        axes[row, column].imshow(np.clip(keras.ops.convert_to_numpy(seen)[0], 0, 255).astype("uint8"))
        axes[row, column].set_title("{}: {}x{}".format(name, *seen.shape[1:3]), fontsize=13)
        axes[row + 1, column].imshow(ks.visualization.colorize(ids, colors))
    for axis in axes.flat:
        axis.set_anchor("N")
        axis.axis("off")
    save(figure, "views")


def prediction(model, image, mask, colors):
    """Ground truth, prediction and wrong pixels without and with augmentation, and two maps of uncertainty."""
    transforms = ["hflip", Scale(0.75, 1.25, 1.5)]
    batch = image[None].astype("float32")
    plain = np.asarray(model.predict_on_batch(batch))[0].argmax(-1)
    uncertainty = {}
    for kind in ("entropy", "disagreement"):
        tta = TestTimeAugmentation(model, transforms, uncertainty=kind)
        merged, uncertain = tta.predict_on_batch(batch)
        uncertainty[kind] = np.asarray(uncertain)[0, ..., 0]
    merged = np.asarray(merged)[0].argmax(-1)
    counted = mask < len(colors)

    def wrong(ids):
        shade = 0.35 * image.astype("float32")
        shade[~counted] = 128
        shade[counted & (ids != mask)] = (230, 40, 40)
        return shade.astype("uint8")

    def share(ids):
        return f"{100 * (ids != mask)[counted].mean():.1f} % wrong"

    panels = [
        ("image", image),
        ("plain", ks.visualization.colorize(plain, colors)),
        (f"plain: {share(plain)}", wrong(plain)),
        ("entropy", uncertainty["entropy"]),
        ("truth", ks.visualization.colorize(mask.astype("int64"), colors)),
        (f"{tta.passes} passes", ks.visualization.colorize(merged, colors)),
        (f"{tta.passes} passes: {share(merged)}", wrong(merged)),
        ("disagreement", uncertainty["disagreement"]),
    ]
    figure, axes = plt.subplots(2, 4, figsize=(14, 5.8), layout="constrained")
    for axis, (title, picture) in zip(axes.flat, panels, strict=True):
        axis.imshow(picture, cmap="magma")
        axis.set_title(title, fontsize=13)
        axis.axis("off")
    save(figure, "prediction")


def main():
    """All pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--image", type=int, default=60, help="position in the val split")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    model = keras.saving.load_model(arguments.model)
    index = ks.data.scan_folder(arguments.data, split="val", num_classes=11, ignore_class=11, check_images=False)
    pair = index.pairs[arguments.image]
    image, mask = ks.data.read_image(pair.image), index.encoding.encode(ks.data.read_mask(pair.mask))
    colors = ks.visualization.palette(11)
    views(model, image, colors)
    prediction(model, image, mask, colors)


if __name__ == "__main__":
    main()
