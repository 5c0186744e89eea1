"""Your own network as the encoder of a U-Net: the levels are found by walking its graph."""

# %%
import sys
import tempfile

import keras
import numpy as np

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
# The masks hold six kinds of shapes, ids 1 to 6; merged into one class, they are learned in a minute.
names, two = ["background", "shape"], dict.fromkeys(range(1, 7), 1)

# %% [markdown]
# Any functional model works. This one consists of depthwise convolutions with shortcuts.

# %%
image = keras.Input((None, None, 3))
x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
for level, filters in enumerate((16, 32, 64, 96), start=1):
    x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", name=f"down{level}")(x)
    x = keras.layers.BatchNormalization(momentum=0.95, name=f"down{level}_norm")(x)
    x = keras.layers.ReLU(name=f"down{level}_relu")(x)
    deeper = keras.layers.SeparableConv2D(filters, 3, padding="same", activation="relu", name=f"keep{level}")(x)
    x = keras.layers.Add(name=f"join{level}")([x, deeper])
encoder = keras.Model(image, x)

# %% [markdown]
# The pyramid: P1 is the last tensor at half the size that deeper levels depend on, P2 the one at a quarter, and so on.

# %%
print({level: tensor.name for level, tensor in ks.backbones.find_pyramid(encoder).items()})
model = ks.models.UNet(len(names), backbone=encoder, decoder_filters=(96, 64, 32, 16))
print(f"{model.count_params():,} parameters")
print("a 70 x 90 image gives", model.predict(np.zeros((1, 70, 90, 3)), verbose=0).shape)

# %% [markdown]
# It trains like any other model.

# %%
folder = tempfile.mkdtemp()
ks.data.write_shapes(folder, train=8 if QUICK else 200, val=4, image_size=(96, 96))
augment = ks.augmentation.standard(crop=96, scale=(0.9, 1.4))
reading = {"class_names": names, "label_map": two, "cache": True}
train = ks.data.from_folder(folder, split="train", augment=augment, **reading)
val = ks.data.from_folder(folder, split="val", batch_size=4, **reading)
model.compile(
    keras.optimizers.AdamW(2e-3), loss=ks.losses.Crossentropy(), metrics=[ks.metrics.MeanIoU(num_classes=len(names))]
)
model.fit(train, validation_data=val, epochs=1 if QUICK else 6, verbose=2)
images, masks = (np.asarray(part) for part in next(iter(val)))
panel = ks.visualization.prediction_panel(images, masks, ks.inference.predict_classes(model, images), class_names=names)
panel.save("custom_backbone.jpg", quality=82)
