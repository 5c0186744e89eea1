"""Generated scenes of shapes: data for the demo and for tests, with nothing to download."""

import json
import pathlib

import numpy as np
from PIL import Image

from keras_seg import _validation
from keras_seg._types import PathLike, Size
from keras_seg.data.sources.generated_scenes import Disk, find_place, write_scenes

SHAPE_NAMES = ("background", "circle", "square", "triangle", "ring", "cross", "star")

# The colors of Okabe and Ito, which color-blind people can distinguish; for viewing the masks only.
_PALETTE = ((0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0))

_SHAPES_IN_SCENE = (2, 4)
_RADIUS = (0.18, 0.3)  # Times the shorter side: at 96 pixels a shape is 35 to 58 pixels across.
_NEAREST = 0.8  # Times the sum of two radii: shapes overlap, but each remains recognizable.
_TRIES = 20


def shapes_scene(rng: np.random.Generator | int, *, image_size: Size = (96, 96)) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene: textured shapes that partly hide one another, in front of a textured background.

    Colors, textures, places, sizes and rotations are random and independent of the class, so only the outline reveals
    it.

    Args:
        rng: a `numpy.random.Generator`, or a seed for one.
        image_size: int or (height, width) in pixels, at least 32. Defaults to (96, 96).

    Returns:
        The image, uint8 (height, width, 3), and the mask, uint8 (height, width), of positions in `SHAPE_NAMES`.

    Raises:
        InputError: `image_size` is too small.

    Examples:
        >>> image, mask = shapes_scene(7, image_size=(64, 96))
        >>> image.shape, mask.shape, int(mask.max()) < len(SHAPE_NAMES)
        ((64, 96, 3), (64, 96), True)
    """
    height, width = _validation.pair("image_size", image_size, 32)
    rng = np.random.default_rng(rng)
    grid = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    image = _texture(rng, grid, rng.uniform(70, 170) + rng.uniform(-15, 15, 3), contrast=14.0)
    mask = np.zeros((height, width), np.uint8)
    drawn: list[Disk] = []
    for _ in range(rng.integers(_SHAPES_IN_SCENE[0], _SHAPES_IN_SCENE[1] + 1)):
        radius = rng.uniform(*_RADIUS) * min(height, width)

        def draw(radius: float = radius) -> Disk:
            row, column = rng.uniform(0.8 * radius, (height - 0.8 * radius, width - 0.8 * radius))
            return row, column, radius

        place = find_place(draw, lambda near: near > _NEAREST, drawn, tries=_TRIES)
        if place is None:
            continue
        drawn.append(place)
        class_id = int(rng.integers(1, len(SHAPE_NAMES)))
        _draw(rng, image, mask, grid=grid, class_id=class_id, place=place)
    # Light from one side, and the grain of a camera.
    slope = rng.uniform(-0.2, 0.2, 2)
    light = 1.0 + slope[0] * (grid[0] / height - 0.5) + slope[1] * (grid[1] / width - 0.5)
    image = image * light[..., None] + rng.normal(0.0, rng.uniform(2.0, 8.0), image.shape).astype(np.float32)
    return image.clip(0, 255).round().astype(np.uint8), mask


def write_shapes(
    path: PathLike, *, train: int = 200, val: int = 50, image_size: Size = (96, 96), seed: int = 0
) -> pathlib.Path:
    """Write a data set of generated scenes in the layout that `from_folder` reads.

    `path/{train,val}/{images,masks}` as PNG, masks with a palette, and `path/labels.json` with the names of the
    classes. The two splits are drawn with different seeds.

    Args:
        path: path. Folder to write, created if needed. Files of the same name are replaced.
        train: int. Number of training scenes. Defaults to 200.
        val: int. Number of validation scenes. Defaults to 50.
        image_size: int or (height, width) in pixels, at least 32. Defaults to (96, 96).
        seed: int >= 0. The same seed writes the same files. Defaults to 0.

    Returns:
        The folder as a `pathlib.Path`.

    Raises:
        InputError: An argument is out of range.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=2, val=1, image_size=48)
        ...     sorted(os.listdir(path)), sorted(os.listdir(path / "train/images"))
        (['labels.json', 'train', 'val'], ['000000.png', '000001.png'])
    """

    def scene(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, Image.Image]:
        image, mask = shapes_scene(rng, image_size=size)
        palette_mask = Image.fromarray(mask).convert("P")
        palette_mask.putpalette([value for color in _PALETTE for value in color])
        return image, palette_mask

    path = write_scenes(path, scene, train=train, val=val, image_size=image_size, seed=seed)
    (path / "labels.json").write_text(json.dumps({"names": list(SHAPE_NAMES)}, indent=2) + "\n")
    return path


def _draw(
    rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, *, grid: np.ndarray, class_id: int, place: Disk
) -> None:
    """Paint one shape over the scene, within the square around it."""
    height, width = mask.shape
    *center, radius = place
    reach = radius * 1.5 + 2
    top, left = (int(max(0, side - reach)) for side in center)
    bottom, right = int(min(height, center[0] + reach) + 1), int(min(width, center[1] + reach) + 1)
    window = (slice(top, bottom), slice(left, right))
    pixels = grid[:, window[0], window[1]]
    y, x = (pixels[0] - center[0]) / radius, (pixels[1] - center[1]) / radius
    turn = rng.uniform(0, 2 * np.pi)
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    distance = _distance(SHAPE_NAMES[class_id], u, v) * radius
    paint = _texture(rng, pixels, _vivid(rng), contrast=30.0)
    # A darker or lighter rim makes the outline clear where two similar textures meet.
    rim = np.clip(1.0 - np.abs(distance + 1.5) / 1.5, 0, 1)[..., None] * rng.choice([-60.0, 60.0])
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    image[window] = image[window] * (1 - cover) + (paint + rim) * cover
    mask[window][distance < 0] = class_id


def _distance(name: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Signed distance to the outline in radii, negative inside; accurate enough for a soft edge of one pixel."""
    if name == "circle":
        return np.hypot(u, v) - 0.9
    if name == "square":
        return np.maximum(np.abs(u), np.abs(v)) - 0.8
    if name == "triangle":
        return np.maximum(np.sqrt(0.75) * np.abs(u) + 0.5 * v, -v) - 0.55
    if name == "ring":
        return np.abs(np.hypot(u, v) - 0.7) - 0.27
    if name == "cross":
        u, v = np.abs(u), np.abs(v)
        return np.minimum(np.maximum(u - 1.0, v - 0.32), np.maximum(v - 1.0, u - 0.32))
    # Star: fold the plane onto half a point, whose edge is the line from the tip (1.15, 0) to the notch between two
    # points.
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    fold = np.abs((angle + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
    tip, notch = np.array([1.15, 0.0]), 0.5 * np.array([np.cos(np.pi / 5), np.sin(np.pi / 5)])
    normal = np.array([notch[1] - tip[1], tip[0] - notch[0]])
    normal /= np.hypot(*normal)
    return normal[0] * (radius * np.cos(fold) - tip[0]) + normal[1] * (radius * np.sin(fold) - tip[1])


def _vivid(rng: np.random.Generator) -> np.ndarray:
    """A saturated color of any hue: one channel high, one low, one anywhere."""
    color = np.array([rng.uniform(190, 245), rng.uniform(15, 70), rng.uniform(15, 245)])
    return rng.permutation(color)


def _texture(rng: np.random.Generator, grid: np.ndarray, color: np.ndarray, *, contrast: float) -> np.ndarray:
    """Stripes, checks, dots, clouds or a plain color, as float32 (height, width, 3)."""
    turn, period = rng.uniform(0, np.pi), rng.uniform(5.0, 14.0)
    a = (np.cos(turn) * grid[1] + np.sin(turn) * grid[0]) * (2 * np.pi / period)
    b = (np.cos(turn) * grid[0] - np.sin(turn) * grid[1]) * (2 * np.pi / period)
    pattern = (
        np.zeros_like(a),
        np.sin(a),
        np.sign(np.sin(a) * np.sin(b)),
        np.clip(3 * np.cos(a) * np.cos(b), -1, 1),
        0.5 * (np.sin(0.23 * a + 1.3 * np.sin(0.31 * b)) + np.sin(0.41 * b + 1.7 * np.sin(0.19 * a))),
    )[rng.integers(5)]
    tint = rng.uniform(-1, 1, 3)
    tint *= contrast / np.abs(tint).max()
    return (color + pattern[..., None] * tint).astype(np.float32)
