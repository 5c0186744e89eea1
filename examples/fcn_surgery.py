"""From a classifier to a segmenter without retraining: a patch classifier predicts every pixel of an image."""

# %%
import sys
import tempfile

import keras
import numpy as np

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.

# %% [markdown]
# A patch classifier predicts the class of the center pixel. It is trained on patches with one label each, not on masks.

# %%
folder = tempfile.mkdtemp()
ks.data.write_shapes(folder, train=8 if QUICK else 100, val=4, image_size=(128, 128))
steps = 2 if QUICK else 50
# The masks hold six kinds of shapes, ids 1 to 6; merged into one class, they are learned in a minute.
names, two = ["background", "shape"], dict.fromkeys(range(1, 7), 1)
reading = {"class_names": names, "label_map": two}
index = ks.data.scan_folder(folder, split="train", **reading)
patches = ks.data.patches_from_folder(index, patch_size=44, batch_size=64, steps_per_epoch=steps)
classifier = ks.models.PatchClassifier(
    len(names), architecture="vgg", filters=(16, 32, 48), units=(96,), patch_size=44, padding="valid"
)
classifier.compile(keras.optimizers.AdamW(2e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
classifier.fit(patches, epochs=1 if QUICK else 4, verbose=2)

# %% [markdown]
# `convolutionalize` turns its dense layers into convolutions with the same weights: one pass classifies every window,
# eight pixels apart. `dilate` replaces the strides of pooling by dilation: the same windows at every pixel.

# %%
anywhere = ks.surgery.convolutionalize(classifier)
every_pixel = ks.surgery.dilate(anywhere, output_stride=1)
field = ks.analysis.receptive_field(anywhere)
print(f"each score depends on {field.size} pixels; scores are {field.stride} pixels apart")

# %%
val = ks.data.from_folder(folder, split="val", batch_size=4, **reading)
images, masks = (np.asarray(part) for part in next(iter(val)))
difference = ks.inference.window_difference(classifier, images[0], convolutional=anywhere)
print(f"one pass and separate windows differ by {difference.max_abs_difference:.0e}")

# %% [markdown]
# The center of patch (0, 0) is pixel (22, 22): with mirrored borders of this width, every pixel gets a score.

# %%
around = np.pad(images, ((0, 0), (22, 21), (22, 21), (0, 0)), mode="reflect")
coarse = ks.inference.predict_classes(anywhere, around).repeat(8, axis=1).repeat(8, axis=2)[:, :128, :128]
fine = ks.inference.predict_classes(every_pixel, around)
print(
    f"correct pixels: {(coarse == masks).mean():.1%} every eighth repeated, {(fine == masks).mean():.1%} at every pixel"
)
panel = ks.visualization.prediction_panel(
    [*images[:2], *images[:2]], [*masks[:2], *masks[:2]], [*coarse[:2], *fine[:2]], class_names=names, tile_height=180
)
panel.save("fcn_surgery.jpg", quality=82)
