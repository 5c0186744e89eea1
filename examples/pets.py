"""Cats and dogs from TensorFlow Datasets: the pet, its outline and the background, with a MobileNetV2 U-Net.

Offline, `--stand-in` writes a small data set of the same form (the same features, the same labels 1, 2 and 3) and
trains a smaller model on it from scratch.
"""

# %%
import pathlib
import sys
import tempfile

import keras
import numpy as np
import tensorflow_datasets as tfds

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
STAND_IN = QUICK or "--stand-in" in sys.argv
NAMES = ["pet", "background", "outline"]


# %%
class StandIn(tfds.core.GeneratorBasedBuilder):
    """Generated shapes with the trimaps of oxford_iiit_pet: 1 the pet, 2 background, 3 the outline."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = pathlib.Path(tempfile.gettempdir())

    def _info(self):
        image, trimap = tfds.features.Image(shape=(None, None, 3)), tfds.features.Image(shape=(None, None, 1))
        both = {"image": image, "segmentation_mask": trimap}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(both))

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(0, 8 if QUICK else 160),
            "test": self._generate_examples(1, 8 if QUICK else 24),
        }

    def _generate_examples(self, seed, count):
        rng = np.random.default_rng(seed)
        for number in range(count):
            image, ids = ks.data.shapes_scene(rng, image_size=(96, 112))
            edges = ks.data.boundary_targets(ids, width=1)[..., None] > 0
            trimap = np.where(edges, 3, np.where(ids[..., None] > 0, 1, 2)).astype("uint8")
            yield number, {"image": image, "segmentation_mask": trimap}


# %% [markdown]
# Images come in all sizes, so they are resized before they are cropped. The labels of the trimaps start at 1;
# `label_map` maps them to ids from 0.

# %%
pets = "oxford_iiit_pet"
if STAND_IN:
    pets = StandIn(data_dir=tempfile.mkdtemp())
    pets.download_and_prepare()
side, epochs = (96, 1 if QUICK else 10) if STAND_IN else (192, 10)
reading = {"num_classes": 3, "label_map": {1: 0, 2: 1, 3: 2}, "image_size": side}
augment = ks.augmentation.standard(crop=side, scale=(1.0, 1.5))
train = ks.data.from_tfds(pets, "train", augment=augment, batch_size=16, **reading)
test = ks.data.from_tfds(pets, "test", batch_size=16, **reading)

# %%
pretrained = {"backbone": "MobileNetV2", "weights": "imagenet"}
small = {"backbone": "Compact", "decoder_filters": (96, 64, 32, 24), "decoder_stride": 2}
model = ks.models.UNet(3, **(small if STAND_IN else pretrained))
model.compile(
    keras.optimizers.AdamW(2e-3 if STAND_IN else 3e-4),
    loss=ks.losses.Crossentropy() + 0.5 * ks.losses.SoftDice(),
    metrics=[ks.metrics.MeanIoU(num_classes=3)],
)
model.fit(train, validation_data=test, epochs=epochs, verbose=2)

# %%
images, masks = (np.asarray(part)[:4] for part in next(iter(test)))
panel = ks.visualization.prediction_panel(images, masks, ks.inference.predict_classes(model, images), class_names=NAMES)
panel.save("pets.jpg", quality=82)
