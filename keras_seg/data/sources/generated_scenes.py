"""Generated scenes: where their objects go, and the layout of a folder of them."""

import pathlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from keras_seg import _files, _validation
from keras_seg._types import PathLike, Size

# (row, column, radius) in pixels.
Disk = tuple[float, float, float]


def find_place(
    draw: Callable[[], Disk], fits: Callable[[float], bool], placed: list[Disk], *, tries: int
) -> Disk | None:
    """The first drawn disk that fits among the placed ones, or None after `tries` draws.

    Args:
        draw: returns a random disk.
        fits: whether a disk fits, given its distance from the nearest placed disk as a fraction of the sum of both
            radii. The first disk always fits.
        placed: the disks so far.
        tries: int. Maximum number of draws.
    """
    for _ in range(tries):
        row, column, radius = place = draw()
        if not placed:
            return place
        if fits(min(np.hypot(row - r, column - c) / (radius + other) for r, c, other in placed)):
            return place
    return None


def write_scenes(
    path: PathLike,
    scene: Callable[[np.random.Generator, tuple[int, int]], tuple[np.ndarray, Image.Image]],
    *,
    train: int,
    val: int,
    image_size: Size,
    seed: int,
) -> pathlib.Path:
    """Write `train/images`, `train/masks`, `val/images` and `val/masks` as PNG.

    The two splits are drawn with different seeds.

    Args:
        path: folder to write, created if needed. Files of the same name are replaced.
        scene: function of a random generator and a size that returns an image, uint8 (height, width, 3), and its mask.
        train: number of training scenes.
        val: number of validation scenes.
        image_size: int or (height, width) in pixels, at least 32.
        seed: int >= 0.

    Returns:
        The folder.
    """
    size = _validation.pair("image_size", image_size, 32)
    counts = {"train": _validation.integer("train", train), "val": _validation.integer("val", val)}
    seed = _validation.integer("seed", seed, 0)
    path = pathlib.Path(path)
    for split_number, (split, count) in enumerate(counts.items()):
        for kind in ("images", "masks"):
            _files.make_folder(path / split / kind)
        for number in range(count):
            image, mask = scene(np.random.default_rng((seed, split_number, number)), size)
            name = f"{number:06d}.png"
            # Level 1 writes five times as fast as the default, and noise does not compress anyway.
            Image.fromarray(image).save(path / split / "images" / name, compress_level=1)
            mask.save(path / split / "masks" / name)
    return path
