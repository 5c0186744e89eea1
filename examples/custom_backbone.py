"""A network of one's own as the encoder of a U-Net: the levels are found by walking its graph."""

import keras
import numpy as np

import keras_seg as ks

image = keras.Input((None, None, 3))
x = keras.layers.Rescaling(1 / 255)(image)
for level, filters in enumerate((16, 32, 64, 96), start=1):
    x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", name=f"down{level}")(x)
    x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"keep{level}")(x)
encoder = keras.Model(image, x)

print({level: tensor.name for level, tensor in ks.backbones.find_pyramid(encoder).items()})

model = ks.models.UNet(num_classes=5, backbone=encoder, decoder_filters=(64, 48, 32, 16))
print(f"{model.count_params():,} parameters")
print("a 70 x 90 image gives", model.predict(np.zeros((1, 70, 90, 3)), verbose=0).shape)
