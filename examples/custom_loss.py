"""Your own loss: Poly-1 cross-entropy; ignored pixels, weights, sums and saving are inherited."""

# %%
import pathlib
import sys
import tempfile

import keras
import numpy as np
from keras import ops

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
# The masks hold six kinds of shapes, ids 1 to 6; merged into one class, they are learned in a minute.
names, two = ["background", "shape"], dict.fromkeys(range(1, 7), 1)

# %% [markdown]
# `L = -log p + epsilon (1 - p)`, where p is the probability of the true class (Leng et al., "PolyLoss", ICLR 2022): the
# first term of cross-entropy's series gets a larger weight. A per-pixel modification of cross-entropy is one method,
# which gets -log p; everything else (`ignore_class`, weights, binary and multi-label masks, logits) is inherited.


# %%
@keras.saving.register_keras_serializable("my_project")
class Poly1(ks.losses.Crossentropy):
    """Cross-entropy plus epsilon times one minus the probability of the label."""

    def __init__(self, *, epsilon=1.0, name="poly1", **arguments):
        super().__init__(name=name, **arguments)
        self.epsilon = epsilon

    def per_pixel(self, nll):
        """The loss per pixel, computed from -log p."""
        return nll + self.epsilon * (1 - ops.exp(-nll))

    def get_config(self):
        """The arguments of the constructor."""
        return {**super().get_config(), "epsilon": self.epsilon}


# %% [markdown]
# By hand: p = 0.5 gives log 2 + 0.5; the ignored pixel does not count.

# %%
labels, halves = np.array([[[0, 255]]]), np.full((1, 1, 2, 2), 0.5, "float32")
print(f"{float(Poly1(ignore_class=255)(labels, halves)):.4f}, by hand {np.log(2) + 0.5:.4f}")

# %% [markdown]
# It can be added to the package's losses, and is saved and loaded with the model.

# %%
folder = pathlib.Path(tempfile.mkdtemp())
ks.data.write_shapes(folder, train=8 if QUICK else 200, val=4, image_size=(96, 96))
augment = ks.augmentation.standard(crop=96, scale=(0.9, 1.4))
reading = {"class_names": names, "label_map": two, "cache": True}
train = ks.data.from_folder(folder, split="train", augment=augment, **reading)
val = ks.data.from_folder(folder, split="val", batch_size=4, **reading)
model = ks.models.UNet(len(names), backbone="Compact", decoder_filters=(96, 64, 32, 24), decoder_stride=2)
metric = ks.metrics.MeanIoU(num_classes=len(names))
model.compile(keras.optimizers.AdamW(2e-3), loss=Poly1(epsilon=2.0) + 0.5 * ks.losses.SoftIoU(), metrics=[metric])
model.fit(train, validation_data=val, epochs=1 if QUICK else 6, verbose=2)
model.save(folder / "model.keras")
again = keras.saving.load_model(folder / "model.keras")
print("loaded:", again.loss.get_config()["losses"][0]["config"]["epsilon"], "is epsilon")

# %%
images, masks = (np.asarray(part) for part in next(iter(val)))
panel = ks.visualization.prediction_panel(images, masks, ks.inference.predict_classes(again, images), class_names=names)
panel.save("custom_loss.jpg", quality=82)
