"""Generated pictures of touching cells: data for instance segmentation, with nothing to download."""

import pathlib

import numpy as np
from PIL import Image

from keras_seg import _validation
from keras_seg._types import PathLike, Size
from keras_seg.data.sources.generated_scenes import Disk, find_place, write_scenes

_RADIUS = (7.0, 14.0)  # Pixels.
_NEAREST = 0.72  # Times the sum of two radii: neighbors are pressed flat against one another.
_CROWDED = 1.05  # Up to this distance from the nearest cell, in sums of radii, cells form clumps.
_LONE = 0.25
_CELLS_PER_PIXEL = 1 / 900
_TRIES = 40


def cells_scene(rng: np.random.Generator | int, *, image_size: Size = (128, 128)) -> tuple[np.ndarray, np.ndarray]:
    """Draw one picture of cells as a fluorescence microscope shows them: bright, blurred, in clumps, on a dark ground.

    Cells that would overlap share the space between them: each pixel belongs to the cell in which it lies deepest.
    Cells are darker towards their edges, the only cue to where one ends and the next begins.

    Args:
        rng: a `numpy.random.Generator`, or a seed for one.
        image_size: int or (height, width) in pixels, at least 32. Defaults to (128, 128).

    Returns:
        The image, uint8 (height, width, 3), and the map of cells, uint16 (height, width): 0 for none, 1, 2, ...

    Raises:
        InputError: `image_size` is too small.

    Examples:
        >>> image, ids = cells_scene(7, image_size=(64, 96))
        >>> image.shape, ids.shape, ids.max() > 1
        ((64, 96, 3), (64, 96), np.True_)
    """
    height, width = _validation.pair("image_size", image_size, 32)
    rng = np.random.default_rng(rng)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    nearest, owner = np.full((height, width), np.inf), np.zeros((height, width), "int64")
    places: list[Disk] = []

    def draw() -> Disk:
        return rng.uniform(0, height), rng.uniform(0, width), rng.uniform(*_RADIUS)

    def fits(near: float) -> bool:
        """Most cells join a clump, some stand alone."""
        return near > _NEAREST and (near < _CROWDED or rng.random() < _LONE)

    for _ in range(max(3, round(height * width * _CELLS_PER_PIXEL * rng.uniform(0.7, 1.3)))):
        place = find_place(draw, fits, places, tries=_TRIES)
        if place is None:
            continue
        places.append(place)
        depth = _depth(rng, y - place[0], x - place[1], place[2])
        mine = (depth < 1) & (depth < nearest)
        nearest[mine], owner[mine] = depth[mine], len(places)
    shine = rng.uniform(80, 170, len(places) + 1)
    light = np.where(owner > 0, shine[owner] * (1 - 0.55 * np.minimum(nearest, 1) ** 3), 0)
    light = _blurred(light) + rng.uniform(12, 30) + 8 * np.sin(x / width * 3 + rng.uniform(0, 6))
    light = light + rng.normal(0, 5, light.shape)
    tint = np.array([0.35, 1.0, 0.55]) * rng.uniform(0.9, 1.1, 3)
    image = np.clip(np.rint(light[..., None] * tint), 0, 255).astype("uint8")
    return image, _numbered(owner)


def write_cells(
    path: PathLike, *, train: int = 60, val: int = 20, image_size: Size = (128, 128), seed: int = 0
) -> pathlib.Path:
    """Write a data set of `cells_scene`s: `train/images`, `train/masks`, `val/images` and `val/masks`.

    The maps in `masks` are 16-bit PNG files that number the cells. Other arguments: see `write_shapes`.

    Args:
        train: int. Number of training pictures. Defaults to 60.
        val: int. Number of validation pictures. Defaults to 20.
        image_size: int or (height, width) in pixels, at least 32. Defaults to (128, 128).

    Returns:
        The folder as a `pathlib.Path`.

    Raises:
        InputError: An argument is out of range.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_cells(folder, train=2, val=1, image_size=48)
        ...     sorted(os.listdir(path)), sorted(os.listdir(path / "train/masks"))
        (['train', 'val'], ['000000.png', '000001.png'])
    """

    def scene(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, Image.Image]:
        image, ids = cells_scene(rng, image_size=size)
        return image, Image.fromarray(ids)

    return write_scenes(path, scene, train=train, val=val, image_size=image_size, seed=seed)


def _depth(rng: np.random.Generator, dy: np.ndarray, dx: np.ndarray, radius: float) -> np.ndarray:
    """0 in the center of a cell and 1 at its outline, a slightly wavy ellipse."""
    angle = np.arctan2(dy, dx) + rng.uniform(0, 2 * np.pi)
    wobble = 1 + 0.06 * np.cos(3 * angle + rng.uniform(0, 6)) + rng.uniform(0.05, 0.18) * np.cos(2 * angle)
    return np.hypot(dy, dx) / (radius * wobble)


def _blurred(light: np.ndarray) -> np.ndarray:
    """The blur of the optics: a binomial filter of width 5 along rows and columns."""
    for axis in (0, 1):
        edge = [(2, 2) if a == axis else (0, 0) for a in (0, 1)]
        padded, length = np.pad(light, edge, mode="edge"), light.shape[axis]
        shifted = (np.take(padded, range(step, step + length), axis) for step in range(5))
        light = sum((weight / 16 * part for weight, part in zip((1, 4, 6, 4, 1), shifted, strict=True)), np.zeros(()))
    return light


def _numbered(owner: np.ndarray) -> np.ndarray:
    """Cells renumbered 1, 2, ...; specks that remain of mostly covered cells become background."""
    sizes = np.bincount(owner.ravel())
    kept = np.flatnonzero(sizes >= 12)
    kept = kept[kept > 0]
    table = np.zeros(len(sizes), "uint16")
    table[kept] = np.arange(1, len(kept) + 1)
    return table[owner]
