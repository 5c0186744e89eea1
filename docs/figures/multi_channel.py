"""The picture of docs/how-to/multi-channel.md: two kinds of ground that differ only in near infrared.

python docs/figures/multi_channel.py  (trains two small models for a minute each; writes docs/multi_channel.json and
docs/images/how-to/multi_channel.jpg)
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import keras_seg as ks

DOCS = pathlib.Path(__file__).parents[1]
RESULTS, PICTURE = DOCS / "multi_channel.json", DOCS / "images" / "how-to" / "multi_channel.jpg"
NAMES = ("soil", "meadow", "artificial turf")
# Red, green, blue and near infrared of each: plants are bright in infrared, painted plastic is not.
COLORS = np.array([[126, 104, 82, 110], [88, 128, 70, 205], [88, 128, 70, 90]], "float32")
SIZE, TRAIN, VAL, STEPS, BATCH, SEED = 96, 64, 40, 300, 8, 0


def smooth(rng, scale, cells):
    """Random blobs of about SIZE / cells pixels."""
    noise = Image.fromarray(rng.normal(0, 1, (cells, cells)).astype("float32"))
    return scale * np.asarray(noise.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def scene(rng):
    """Four bands in 0..255 and the ids."""
    kind = (smooth(rng, 1, 5) > 0).astype(int) + 1
    ids = np.where(smooth(rng, 1, 6) > 0.3, 0, kind)
    bands = COLORS[ids] + smooth(rng, 10, 12)[..., None] + rng.normal(0, 14, (SIZE, SIZE, 4))
    return bands.clip(0, 255).astype("float32"), ids.astype("int32")


def trained(images, masks, channels):
    """A small U-Net on the first channels."""
    keras.utils.set_random_seed(SEED)
    model = ks.models.UNet(3, input_shape=(SIZE, SIZE, channels), filters=8, depth=3)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, STEPS)
    model.compile(keras.optimizers.AdamW(schedule), loss=ks.losses.Crossentropy())
    epochs = STEPS * BATCH // len(images)
    model.fit(images[..., :channels], masks, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def main():
    """Train both, evaluate both, draw one scene."""
    rng = np.random.default_rng(SEED)
    images, masks = (np.stack(part) for part in zip(*(scene(rng) for _ in range(TRAIN + VAL)), strict=True))
    seen, unseen = slice(None, TRAIN), slice(TRAIN, None)
    results, predictions = {}, []
    for channels in (3, 4):
        model = trained(images[seen], masks[seen], channels)
        ids = model.predict(images[unseen][..., :channels], verbose=0).argmax(-1)
        metric = ks.metrics.PerClassIoU(num_classes=3, class_names=NAMES)
        metric.update_state(masks[unseen], ids)
        results[f"{channels} channels"] = {name: float(value) for name, value in metric.result().items()}
        predictions.append(ids[0])
    print(results)
    RESULTS.write_text(json.dumps({"steps": STEPS, "train": TRAIN, "val": VAL, "iou": results}, indent=1) + "\n")
    image, mask = images[TRAIN], masks[TRAIN]
    colors = np.array([[160, 120, 80], [60, 160, 60], [0, 200, 220]], "uint8")
    means = [100 * np.mean(list(values.values())) for values in results.values()]
    tiles = [
        ("color", image[..., :3].astype("uint8")),
        ("near infrared", np.repeat(image[..., 3:].astype("uint8"), 3, -1)),
        ("ground truth", ks.visualization.colorize(mask, colors)),
        (f"3 channels, mean IoU {means[0]:.0f} %", ks.visualization.colorize(predictions[0], colors)),
        (f"4 channels, mean IoU {means[1]:.0f} %", ks.visualization.colorize(predictions[1], colors)),
    ]
    figure, axes = plt.subplots(1, len(tiles), figsize=(12.5, 3.2), layout="constrained")
    for axis, (title, picture) in zip(axes, tiles, strict=True):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(title, fontsize=11)
        axis.axis("off")
    handles = [plt.Rectangle((0, 0), 1, 1, color=color / 255) for color in colors]
    figure.legend(handles, NAMES, loc="outside lower center", ncols=3, frameon=False)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=90, pil_kwargs={"quality": 85})


if __name__ == "__main__":
    main()
