"""A large image in overlapping tiles, each in eight flips and rotations, from file to file."""

# %%
import pathlib
import sys
import tempfile

import keras
import numpy as np
from PIL import Image

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
folder = pathlib.Path(tempfile.mkdtemp())
# The masks hold six kinds of shapes, ids 1 to 6; merged into one class, they are learned in a minute.
names, two = ["background", "shape"], dict.fromkeys(range(1, 7), 1)

# %% [markdown]
# A model trained on images of 96 x 96 pixels.

# %%
ks.data.write_shapes(folder, train=8 if QUICK else 200, val=2, image_size=(96, 96))
augment = ks.augmentation.standard(crop=96, scale=(0.8, 1.4))
train = ks.data.from_folder(folder, split="train", class_names=names, label_map=two, augment=augment, cache=True)
model = ks.models.UNet(len(names), backbone="Compact", decoder_filters=(96, 64, 32, 24), decoder_stride=2)
model.compile(keras.optimizers.AdamW(2e-3), loss=ks.losses.Crossentropy() + 0.5 * ks.losses.SoftIoU())
model.fit(train, epochs=1 if QUICK else 4, verbose=2)

# %% [markdown]
# The large image: scenes side by side in a memory-mapped file. Files of gigabytes work in the same way.

# %%
rng, count = np.random.default_rng(5), 2 if QUICK else 12
scenes = [[ks.data.shapes_scene(rng, image_size=(96, 96)) for _ in range(count)] for _ in range(count)]
large, truth = (np.block([[[s[part].reshape(96, 96, -1)] for s in row] for row in scenes]) for part in (0, 1))
truth = truth[None, ..., 0] > 0
np.save(folder / "large.npy", large)
print("the image:", large.shape)

# %% [markdown]
# Test-time augmentation wraps the model in another one: eight passes, merged. A tiled predictor accepts either model.
# After an interruption, `resume=True` continues.

# %%
tta = ks.inference.TestTimeAugmentation(model, transforms="d4", merge="mean")
maps = {}
for name, predicting in (("one pass", model), ("eight passes", tta)):
    predictor = ks.inference.TiledPredictor(predicting, tile=192, overlap=0.5, output="class_ids")
    out = folder / f"{name}.npy"
    predictor.predict(folder / "large.npy", out=out)
    maps[name] = np.load(out, mmap_mode="r")
    score = ks.metrics.MeanIoU(num_classes=len(names))
    score.update_state(truth, np.eye(len(names), dtype="float32")[maps[name]][None])
    print(f"{name}: mean IoU {float(score.result()):.4f}, correct pixels {(maps[name] == truth[0]).mean():.2%}")

# %%
drawn = ks.visualization.overlay(large, maps["eight passes"], len(names), alpha=0.65)
picture = Image.fromarray(np.concatenate([large, drawn], axis=1))
picture.resize((1200, 600), Image.Resampling.LANCZOS).save("large_image.jpg", quality=65)
