"""Fine-tuning in two stages: first the decoder on a frozen backbone, then everything, without compiling again."""

# %%
import sys
import tempfile

import keras
import numpy as np

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
# The masks hold six kinds of shapes, ids 1 to 6; merged into one class, they are learned in a minute.
names, two = ["background", "shape"], dict.fromkeys(range(1, 7), 1)
folder = tempfile.mkdtemp()
ks.data.write_shapes(folder, train=8 if QUICK else 200, val=4, image_size=(64, 64))
reading = {"class_names": names, "label_map": two, "cache": True}
augment = ks.augmentation.standard(crop=64, scale=(0.9, 1.4))
train = ks.data.from_folder(folder, split="train", augment=augment, **reading)
val = ks.data.from_folder(folder, split="val", batch_size=4, **reading)

# %% [markdown]
# If you can download weights, use `backbone="MobileNetV2", weights="imagenet"`; the stages are the same. Freezing
# includes the statistics of BatchNormalization. Here the frozen features are random.

# %%
model = ks.models.UNet(len(names), backbone="Compact", backbone_trainable=False, decoder_filters=(64, 48, 32, 24, 16))
model.compile(keras.optimizers.AdamW(1e-3), loss=ks.losses.Crossentropy())
model.fit(train, epochs=1 if QUICK else 4, verbose=2)
images, masks = (np.asarray(part) for part in next(iter(val)))
frozen = ks.inference.predict_classes(model, images)

# %%
ks.models.unfreeze(model)
model.fit(train, epochs=1 if QUICK else 6, verbose=2)
unfrozen = ks.inference.predict_classes(model, images)

# %% [markdown]
# Two scenes after the first stage, and the same two after the second stage.

# %%
print(f"correct pixels: {(frozen == masks).mean():.1%} after stage 1, {(unfrozen == masks).mean():.1%} after stage 2")
panel = ks.visualization.prediction_panel(
    [*images[:2], *images[:2]], [*masks[:2], *masks[:2]], [*frozen[:2], *unfrozen[:2]], class_names=names
)
panel.save("frozen_backbone.jpg", quality=82)
