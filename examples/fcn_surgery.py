"""From a classifier of patches to a map: the lecture's 256x256 image, window 64, step 8, in one pass."""

import warnings

import numpy as np

import keras_seg as ks

patches = ks.models.PatchClassifier(num_classes=5, architecture="vgg", filters=(8, 16, 32), padding="same")
image = np.random.default_rng(0).uniform(0, 255, (256, 256, 3)).astype("float32")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It names the layers that pad; the difference is printed below.
    anywhere = ks.surgery.convolutionalize(patches)
print("one pass gives", anywhere.predict(image[None], verbose=0).shape)  # 25 x 25 windows.

field = ks.analysis.receptive_field(patches)
print(f"a score looks at {field.size} pixels, {field.stride} pixels from the next one")
ks.analysis.draw_receptive_field(image, field, unit=(12, 12)).save("receptive_field.png")

difference = ks.inference.window_difference(patches, image, anywhere)
print(f"{difference.agreement:.0%} of the windows get the same class when they are cut out, one by one")

valid = ks.models.PatchClassifier(num_classes=5, architecture="vgg", filters=(8, 16, 32), padding="valid")
difference = ks.inference.window_difference(valid, image[:128, :128])
print(f"without padding the two differ by {difference.max_abs_difference:.0e}")

every_pixel = ks.surgery.dilate(ks.surgery.convolutionalize(valid), output_stride=1)
print("at every pixel:", every_pixel.predict(image[None, :96, :96], verbose=0).shape)
