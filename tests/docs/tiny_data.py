"""Data sets of a few small images, for the code of the pages that reads the reader's own."""

import pathlib

import numpy as np
from PIL import Image


def write_streets(folder="camvid", num_classes=11, void=11, size=(96, 128), train=4, val=2):
    """A folder as CamVid's: blocks of all classes and of `void`, each of its own gray."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for part in ("images", "masks"):
            (pathlib.Path(folder) / split / part).mkdir(parents=True)
        for number in range(count):
            image, mask = street(rng, num_classes, void, size)
            Image.fromarray(image).save(pathlib.Path(folder) / split / "images" / f"{number}.png")
            Image.fromarray(mask).save(pathlib.Path(folder) / split / "masks" / f"{number}.png")


def street(rng=0, num_classes=11, void=11, size=(96, 128)):
    """An image and its mask."""
    rng = np.random.default_rng(rng)
    blocks = rng.permutation(np.resize(np.append(np.arange(num_classes), void), 16)).reshape(4, 4)
    mask = np.kron(blocks, np.ones((size[0] // 4, size[1] // 4))).astype("uint8")
    image = 20.0 * mask[..., None] + rng.normal(0, 8, (*size, 3))
    return image.clip(0, 255).astype("uint8"), mask
