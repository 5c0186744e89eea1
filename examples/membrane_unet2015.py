"""The U-Net of 2015 as it was published: valid convolutions, elastic deformation, and weights between touching cells.

`KERAS_SEG_DATA` names the folder that holds `membrane/images` and `membrane/masks`: thirty electron micrographs, with
the cells white and their membranes black.
"""

# %%
import os
import pathlib
import sys

import keras
import numpy as np

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
MEMBRANE = pathlib.Path(os.environ.get("KERAS_SEG_DATA", "."), "membrane")
NAMES = ["membrane", "cell"]

# %% [markdown]
# Thirty images are few: elastic deformation, rotations and flips turn them into many.

# %%
fitted, held_out = ks.data.split_index(ks.data.scan_folder(MEMBRANE, channels=1), validation_split=0.2)
aug = ks.augmentation
train = ks.data.from_folder(
    fitted,
    batch_size=2,
    augment=aug.Augmentation([aug.Flip("both"), aug.Rotate90(), aug.Elastic(8.0), aug.Brightness(0.2)], crop=220),
    cache=True,
    repeat=True,
)

# %% [markdown]
# Every valid 3x3 convolution removes one pixel at each border: 220 pixels become 132. Masks and weights are cropped to
# this size. The thin membranes between two cells get higher weights (equation 2 of the paper).

# %%
model = ks.models.UNet2015(2, input_shape=(None, None, 1), filters=12, depth=3, dropout=0.2)
border = (220 - model.compute_output_shape((1, 220, 220, 1))[1]) // 2
weighed = ks.data.add_boundary_weights(train, w0=5.0, sigma=3.0, class_weights=(2.0, 1.0))


def cut(image, *maps):
    return image, *(pixels[:, border:-border, border:-border] for pixels in maps)


steps = 2 if QUICK else 200
model.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
    loss=ks.losses.Crossentropy(),
    weighted_metrics=[],
)
model.fit(weighed.map(cut), epochs=1, steps_per_epoch=steps, verbose=2)

# %% [markdown]
# The overlap-tile strategy: tiles overlap so that their outputs meet, and the image is mirrored at its borders. The
# result is exactly the same as for the whole image.

# %%
predictor = ks.inference.TiledPredictor(model, tile=220, overlap=0.0, blend="crop")
score, rows = ks.metrics.MetricSuite(num_classes=2, class_names=NAMES), []
for image, mask in ks.data.from_folder(held_out, batch_size=1).take(1 if QUICK else -1):
    probabilities = predictor.predict(image[0].numpy())
    score.update_state(mask, probabilities[None])
    rows.append((image[0].numpy(), mask[0].numpy(), np.argmax(probabilities, -1)))
for name, value in score.result().items():
    print(f"{name}: {float(value):.3f}")
ks.visualization.prediction_panel(*zip(*rows[:2], strict=True), class_names=NAMES).save(
    "membrane_unet2015.jpg", quality=75
)
