"""A folder of generated scenes: the layout that all generators share."""

import pathlib

import numpy as np
from PIL import Image

from keras_seg import _validation


def write_scenes(folder, train, val, *, size, seed, scene):
    """Write `train/images`, `train/masks`, `val/images` and `val/masks` as PNG.

    The scenes of the two splits are drawn from different seeds.

    Args:
        folder: where to write; made if need be. Files of the same name are replaced.
        train: number of scenes to train with.
        val: number of scenes to validate with.
        size: (height, width) in pixels, one int for a square; at least 32.
        seed: int of at least 0.
        scene: function of a random generator and a size to an image, uint8 (height, width, 3), and its mask as a
            `PIL.Image.Image`.

    Returns:
        The folder as a `pathlib.Path`.
    """
    size = _validation.pair("size", size, 32)
    counts = {"train": _validation.integer("train", train), "val": _validation.integer("val", val)}
    seed = _validation.integer("seed", seed, 0)
    folder = pathlib.Path(folder)
    for split_number, (split, count) in enumerate(counts.items()):
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image, mask = scene(np.random.default_rng((seed, split_number, number)), size)
            name = f"{number:06d}.png"
            # Level 1 writes five times as fast as the default, and noise does not compress anyway.
            Image.fromarray(image).save(folder / split / "images" / name, compress_level=1)
            mask.save(folder / split / "masks" / name)
    return folder
