"""From a folder to a TFLite file in Python: shapes, model.fit, a picture, an export."""

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
names = ks.data.SHAPE_NAMES

# %% [markdown]
# A folder with `train/` and `val/`, `images/` and `masks/` in each. Your own folder works in the same way.

# %%
ks.data.write_shapes(folder, train=8 if QUICK else 200, val=20, image_size=(96, 96))
train = ks.data.from_folder(
    folder, split="train", augment=ks.augmentation.standard(crop=96, scale=(0.9, 1.4)), cache=True
)
val = ks.data.from_folder(folder, split="val", cache=True)

# %%
model = ks.models.UNet(len(names), backbone="Compact", decoder_filters=(96, 64, 32, 24), decoder_stride=2)
model.compile(
    keras.optimizers.AdamW(2e-3),
    loss=ks.losses.Crossentropy() + 0.5 * ks.losses.SoftIoU(),
    metrics=[ks.metrics.MeanIoU(num_classes=len(names))],
)
model.fit(train, validation_data=val, epochs=1 if QUICK else 16, verbose=2)

# %%
images, masks = next(iter(val))
images, masks = np.asarray(images)[:4], np.asarray(masks)[:4]
panel = ks.visualization.prediction_panel(images, masks, ks.inference.predict_classes(model, images), class_names=names)
panel.save("train_shapes.jpg", quality=82)
Image.fromarray(ks.visualization.overlay(images[0], masks[0], len(names))).save("train_shapes_overlay.png")

# %%
report = ks.export.tflite(model, "train_shapes.tflite", input_size=96, images=images, overwrite=True)
print(
    f"TFLite agrees with Keras on {report.agreement:.2%} of pixels, largest difference {report.max_abs_difference:.1e}"
)
