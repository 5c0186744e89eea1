"""Fine-tuning in two stages: first the decoder on a frozen backbone, then everything, without compiling again."""

import pathlib
import tempfile

import keras_seg as ks

folder = pathlib.Path(tempfile.mkdtemp())
ks.data.write_shapes(folder, train=24, val=8, size=(64, 64))
train = ks.data.from_folder(folder, split="train", augment=ks.augmentation.standard(crop=64), cache=True)

# weights="imagenet" where there is a network; the stages are the same.
model = ks.models.UNet(
    len(ks.data.SHAPE_NAMES), backbone="MobileNetV2", backbone_trainable=False, decoder_filters=(64, 48, 32, 24, 16)
)
model.compile("adamw", loss=ks.losses.CrossEntropy())
model.fit(train, epochs=2, verbose=2)

ks.models.unfreeze(model)
model.fit(train, epochs=2, verbose=2)
