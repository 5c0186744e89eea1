"""The pictures of docs/augmentation.md, from two images of CamVid.

python docs/figures/augmentation.py $KERAS_SEG_DATA/camvid
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

import keras_seg as ks

OUT = pathlib.Path(__file__).parents[1] / "images" / "augmentation"
VOID = 11
SEEDS = (6, 6, 3)  # of the three mixing pictures, chosen so that the effect is visible


def main(folder):
    """Draw all pictures from the data in `folder`."""
    a = ks.augmentation
    names = [sorted((pathlib.Path(folder) / "train" / kind).iterdir()) for kind in ("images", "masks")]
    images, masks = (np.stack([np.array(Image.open(files[i])) for i in (250, 60)]) for files in names)
    OUT.mkdir(parents=True, exist_ok=True)

    def draw(name, augment, *, mixed=False, **arguments):
        image, mask = (images, masks) if mixed else (images[0], masks[0])
        picture = a.sheet(augment, image, mask=mask, height=130, ignore_class=VOID, **arguments)
        picture.save(OUT / f"{name}.jpg", quality=85)

    draw("standard", a.standard(crop=(256, 256), ignore_class=VOID))
    for strength in ("light", "medium", "strong"):
        draw(strength, a.preset(strength, ignore_class=VOID), count=3, columns=3)
    always = {"probability": 1.0}
    draw(
        "geometry",
        lambda image, mask, seed: a.Augmentation(
            [
                (a.Flip(**always), a.Rotate((20, 20)), a.Scale((0.7, 0.7)), a.Shear((15, 15)), a.Translate(0.2),
                 a.Perspective((0.3, 0.3)), a.Elastic(25), a.Elastic(25))[seed[1]]
            ],
            ignore_class=VOID,
        )(image, mask, seed=seed[1] + 3),
    )  # fmt: skip
    colors = (
        a.Brightness((0.4, 0.4)), a.Contrast((0.5, 0.5)), a.Saturation((-0.8, -0.8)), a.Hue((0.2, 0.2)),
        a.Gamma((2, 2)), a.Blur((2.5, 2.5), **always), a.Noise((25, 25), **always), a.JPEG((8, 8), **always),
    )  # fmt: skip
    a.sheet(lambda image, seed: a.Augmentation([colors[seed[1]]])(image, seed=1), images[0], height=130).save(
        OUT / "colors.jpg", quality=85
    )
    mixes = (a.Cutout((0.2, 0.4), count=2, **always), a.CutMix(**always), a.ClassMix(11, **always))
    draw(
        "mixing",
        lambda image, mask, seed: a.Augmentation([mixes[seed[1]]], ignore_class=VOID)(image, mask, seed=SEEDS[seed[1]]),
        mixed=True,
        count=3,
        columns=3,
    )


if __name__ == "__main__":
    main(sys.argv[1])
