"""Separating touching cells: a model predicts body and border, a watershed finds objects, thresholds are tuned."""

# %%
import sys
import tempfile

import keras
import numpy as np

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.

# %% [markdown]
# A folder of images and of maps that number their cells, generated here, so that nothing has to be downloaded. Border
# pixels, where two cells meet, are computed from the numbers after augmentation.

# %%
folder = tempfile.mkdtemp()
ks.data.write_cells(folder, train=4 if QUICK else 60, val=2 if QUICK else 16, image_size=128)
index = ks.data.scan_instances(folder, split="train")
augment = ks.augmentation.standard(crop=96, scale=(0.8, 1.3), flip="both", ignore_class=-1)
train = ks.data.from_folder(index, augment=augment, cache=True)
train = ks.data.add_instance_targets(train, border_width=2)

# %% [markdown]
# Three classes: background, body, border. The border is rare, so it has a higher weight.

# %%
epochs = 1 if QUICK else 20
model = ks.models.UNet(3, backbone="Compact", decoder_filters=(64, 48, 32, 24, 16))
weights = (1.0, 1.0, 3.0)
model.compile(
    keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(train))),
    loss=ks.losses.Crossentropy(ignore_class=-1, class_weights=weights) + 0.5 * ks.losses.SoftIoU(ignore_class=-1),
)
model.fit(train, epochs=epochs, verbose=2)

# %% [markdown]
# All combinations of thresholds are tried on one half of the validation images; the best is evaluated on the other.

# %%
scan = ks.data.scan_instances(folder, split="val")
tuned_on, scored_on = ks.data.split_index(scan, validation_split=0.5)
tuned = ks.evaluation.tune_instances(model, tuned_on)
print(f"settings: {tuned.settings}, score on the tuning images {tuned.score:.3f}")
result = ks.evaluation.evaluate_instances(model, scored_on, settings=tuned.settings)
print(f"instance score {result.instance_score:.3f}, panoptic quality {result.panoptic_quality:.3f}")

# %%
images, truths = next(iter(ks.data.from_folder(scored_on, batch_size=1 if QUICK else 3)))
found = [ks.inference.instances(p, **tuned.settings) for p in model.predict_on_batch(images)]
ks.visualization.instance_panel(np.asarray(images), np.asarray(truths), found).save("instances.jpg", quality=75)
