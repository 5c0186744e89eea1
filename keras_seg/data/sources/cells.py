"""Generated pictures of cells that touch: data for instance segmentation, with nothing to download."""

import numpy as np
from PIL import Image

from keras_seg import _validation
from keras_seg.data.sources.generated_scenes import write_scenes

_RADIUS = (7.0, 14.0)  # Pixels.
_NEAREST = 0.72  # Of the sum of two radii: neighbors are pressed flat against one another.
_CROWDED = 1.05  # Up to here of the sum of radii from the nearest, cells come in clumps.
_LONE = 0.25
_CELLS_A_PIXEL = 1 / 900
_TRIES = 40


def cells_scene(rng, *, size=(128, 128)):
    """Draw one picture of cells as a fluorescence microscope shows them: bright, blurred, in clumps, on a dark ground.

    Cells that would overlap share the space between them: each pixel belongs to the cell it lies deepest in. They are
    darker towards their edges, which is all that tells where one ends and the next begins.

    Args:
        rng: a `numpy.random.Generator`, or a seed for one.
        size: (height, width) in pixels, one int for a square; at least 32.

    Returns:
        The image, uint8 (height, width, 3), and the map of cells, uint16 (height, width): 0 for none, 1, 2, ...

    Raises:
        InputError: the size is too small.

    Examples:
        >>> image, ids = cells_scene(7, size=(64, 96))
        >>> image.shape, ids.shape, ids.max() > 1
        ((64, 96, 3), (64, 96), np.True_)
    """
    height, width = _validation.pair("size", size, 32)
    rng = np.random.default_rng(rng)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    nearest, owner = np.full((height, width), np.inf), np.zeros((height, width), "int64")
    places = []
    for _ in range(max(3, round(height * width * _CELLS_A_PIXEL * rng.uniform(0.7, 1.3)))):
        place = _free_place(rng, places, height, width)
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


def write_cells(folder, *, train=60, val=20, size=(128, 128), seed=0):
    """Write a data set of `cells_scene`s: `train/images`, `train/masks`, `val/images` and `val/masks`.

    The maps in `masks` are PNG of 16 bits that number the cells.

    Args:
        folder: where to write; made if need be. Files of the same name are replaced.
        train: number of pictures to train with.
        val: number of pictures to validate with.
        size: (height, width) in pixels, one int for a square; at least 32.
        seed: int of at least 0. The same seed writes the same files.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_cells(folder, train=2, val=1, size=48)
        ...     sorted(os.listdir(folder)), sorted(os.listdir(folder + "/train/masks"))
        (['train', 'val'], ['000000.png', '000001.png'])
    """

    def scene(rng, size):
        image, ids = cells_scene(rng, size=size)
        return image, Image.fromarray(ids)

    write_scenes(folder, train, val, size=size, seed=seed, scene=scene)


def _free_place(rng, places, height, width):
    """(row, column, radius) of the next cell: most join a clump, some stand alone; None where no room was found."""
    for _ in range(_TRIES):
        row, column, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(*_RADIUS)
        if not places:
            return row, column, radius
        near = min(np.hypot(row - r, column - c) / (radius + other) for r, c, other in places)
        if near > _NEAREST and (near < _CROWDED or rng.random() < _LONE):
            return row, column, radius
    return None


def _depth(rng, dy, dx, radius):
    """0 in the middle of a cell and 1 at its outline, an ellipse with a gentle wobble."""
    angle = np.arctan2(dy, dx) + rng.uniform(0, 2 * np.pi)
    wobble = 1 + 0.06 * np.cos(3 * angle + rng.uniform(0, 6)) + rng.uniform(0.05, 0.18) * np.cos(2 * angle)
    return np.hypot(dy, dx) / (radius * wobble)


def _blurred(light):
    """The blur of the optics: a binomial of width 5, rows and columns."""
    for axis in (0, 1):
        edge = [(2, 2) if a == axis else (0, 0) for a in (0, 1)]
        padded, length = np.pad(light, edge, mode="edge"), light.shape[axis]
        shifted = (np.take(padded, range(step, step + length), axis) for step in range(5))
        light = sum(weight / 16 * part for weight, part in zip((1, 4, 6, 4, 1), shifted, strict=True))
    return light


def _numbered(owner):
    """Numbers 1, 2, ... of the cells that are left; the specks others leave of a cell go to no one."""
    sizes = np.bincount(owner.ravel())
    kept = np.flatnonzero(sizes >= 12)
    kept = kept[kept > 0]
    table = np.zeros(len(sizes), "uint16")
    table[kept] = np.arange(1, len(kept) + 1)
    return table[owner]
