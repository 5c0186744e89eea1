"""From a classifier to a segmenter without training again: one that learned patches judges every pixel of an image."""

# %%
import sys
import tempfile

import keras
import numpy as np

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds in place of minutes, to see that it runs.

# %% [markdown]
# A classifier of patches: what is the pixel in the middle? It never sees a mask, only patches and one label each.

# %%
folder = tempfile.mkdtemp()
ks.data.write_shapes(folder, train=8 if QUICK else 100, val=4, size=(128, 128))
steps = 2 if QUICK else 50
# Six kinds of shapes in the masks, ids 1 to 6; told from the background only, they are learned in a minute.
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
# `convolutionalize` makes its dense layers convolutions with the same weights: one pass judges every window, eight
# pixels apart. `dilate` trades the poolings' strides for dilation: the same windows at every pixel.

# %%
anywhere = ks.surgery.convolutionalize(classifier)
every_pixel = ks.surgery.dilate(anywhere, output_stride=1)
field = ks.analysis.receptive_field(anywhere)
print(f"a score looks at {field.size} pixels, {field.stride} pixels from the next one")

# %%
val = ks.data.from_folder(folder, split="val", batch_size=4, **reading)
images, masks = (np.asarray(part) for part in next(iter(val)))
difference = ks.inference.window_difference(classifier, images[0], convolutional=anywhere)
print(f"one pass and windows cut out one by one differ by {difference.max_abs_difference:.0e}")

# %% [markdown]
# The middle of patch (0, 0) is pixel (22, 22): mirrored by that much, the image gets a score at each of its pixels.

# %%
around = np.pad(images, ((0, 0), (22, 21), (22, 21), (0, 0)), mode="reflect")
coarse = ks.inference.predict_classes(anywhere, around).repeat(8, axis=1).repeat(8, axis=2)[:, :128, :128]
fine = ks.inference.predict_classes(every_pixel, around)
print(
    f"right pixels: {(coarse == masks).mean():.1%} every eighth repeated, {(fine == masks).mean():.1%} at every pixel"
)
panel = ks.visualization.prediction_panel(
    [*images[:2], *images[:2]], [*masks[:2], *masks[:2]], [*coarse[:2], *fine[:2]], class_names=names, tile_height=180
)
panel.save("fcn_surgery.jpg", quality=82)
