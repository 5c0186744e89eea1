"""Street scenes: CamVid's eleven classes with a small U-Net from scratch, evaluated on the validation images.

`KERAS_SEG_DATA` names the folder that holds `camvid/train` and `camvid/val`, each with `images/` and `masks/`.
"""

# %%
import os
import pathlib
import sys

import keras

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
CAMVID = pathlib.Path(os.environ.get("KERAS_SEG_DATA", "."), "camvid")
NAMES = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"]
VOID = 11  # Unlabeled pixels in the masks; excluded from the loss and the scores.

# %% [markdown]
# Training images are cropped, scaled, flipped and recolored differently in every epoch; validation images stay whole.

# %%
train = ks.data.from_folder(
    CAMVID / "train",
    num_classes=len(NAMES),
    ignore_class=VOID,
    image_size=(180, 240),  # Half the size of the files: four times as many steps in the same minutes.
    augment=ks.augmentation.standard(crop=(128, 128), scale=(0.75, 1.5), ignore_class=VOID),
    cache=True,
)
val = ks.data.scan_folder(CAMVID / "val", num_classes=len(NAMES), ignore_class=VOID, class_names=NAMES)

# %% [markdown]
# `decoder_stride=2` predicts the classes at half the resolution and upsamples them. The loss adds soft IoU to
# cross-entropy, so that a pole counts for more than its few pixels.

# %%
epochs = 1 if QUICK else 5
train = train.take(2) if QUICK else train
model = ks.models.UNet(len(NAMES), backbone="Compact", decoder_filters=(96, 64, 48, 32), decoder_stride=2)
model.compile(
    keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(train))),
    loss=ks.losses.Crossentropy(ignore_class=VOID) + 0.5 * ks.losses.SoftIoU(ignore_class=VOID),
    metrics=[ks.metrics.MeanIoU(num_classes=len(NAMES), ignore_class=VOID)],
)
model.fit(train, epochs=epochs, verbose=2)

# %% [markdown]
# The scores come from one confusion matrix over all pixels of all validation images, at the training size. A picture
# shows three of the images.

# %%
small = ks.data.from_folder(val, image_size=(180, 240), batch_size=8)
score = ks.metrics.MetricSuite(num_classes=len(NAMES), ignore_class=VOID, class_names=NAMES)
chosen = []
for number, (images, masks) in enumerate(small.take(1) if QUICK else small):
    probabilities = model.predict_on_batch(images)
    score.update_state(masks, probabilities)
    if number % 4 == 0 and len(chosen) < 3:
        chosen.append((images[0].numpy(), masks[0].numpy(), probabilities[0].argmax(-1)))
for name, value in score.result().items():
    print(f"{name}: {float(value):.3f}")
ks.visualization.prediction_panel(*zip(*chosen, strict=True), class_names=NAMES).save("camvid.jpg", quality=82)
