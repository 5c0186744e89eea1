"""Images with their masks over them, on one sheet."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.instance_index import InstanceIndex
from keras_seg.data.index.reading import read_image
from keras_seg.visualization import overlay, palette
from keras_seg.visualization.sheet import sheet

_SHOWN, _COLUMNS, _HEIGHT = 12, 4, 220
_ALPHA = 0.45
_MAX_WIDTH = 2 * _HEIGHT
_MAX_CLASSES = 64


class Picture(NamedTuple):
    """The sheet, and the files on it."""

    image: Image.Image
    files: tuple[str, ...]


def draw_picture(collected: Collected) -> Picture | None:
    """Up to 12 pairs, spread evenly over the folder; None if no mask can be drawn."""
    places = [(index, row) for index in collected.indices.values() for row in range(len(index))]
    if not places:
        return None
    chosen = [places[i] for i in np.unique(np.linspace(0, len(places) - 1, min(_SHOWN, len(places))).astype(int))]
    names = getattr(places[0][0], "class_names", ())[:_MAX_CLASSES]
    colors = palette(max(len(names), _MAX_CLASSES))
    tiles, files = [], []
    for index, row in chosen:
        try:
            tiles.append(_tile(index, row, colors))
        except InputError:  # The file has changed since.
            continue
        files.append(collected.name(index.pairs[row].image))
    if not tiles:
        return None
    columns = min(_COLUMNS, len(tiles))
    blank = np.full((_HEIGHT, 1, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    legend = list(zip(names[:20], colors[:20], strict=False))
    return Picture(sheet(rows, legend=legend, tile_height=_HEIGHT), tuple(files))


def _tile(index: DataIndex, row: int, colors: np.ndarray) -> np.ndarray:
    pair = index.pairs[row]
    image = read_image(pair.image, channels=index.channels, exif_orientation=index.exif_orientation)
    if image.dtype != np.uint8:  # Stretched, else 12 bits in 16 are black.
        image = image * (255 / max(float(image.max()), 1e-12))
    image = np.clip(image, 0, 255).astype(np.uint8)
    image = np.repeat(image[..., :1], 3, -1) if image.shape[-1] < 3 else np.ascontiguousarray(image[..., :3])
    ids = index.read_labels(row)
    if isinstance(index, InstanceIndex):  # Neighbors in other colors, the background in none.
        ids = np.where(ids > 0, 1 + ids % (_MAX_CLASSES - 1), ids)
    height, width = image.shape[:2]
    scale = min(_HEIGHT / height, _MAX_WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.array(
        Image.fromarray(image).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST)
    )
    mask = Image.fromarray(ids.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    drawn = overlay(small, np.array(mask), colors, alpha=_ALPHA)
    tile = np.full((_HEIGHT, drawn.shape[1], 3), 255, np.uint8)
    tile[: drawn.shape[0]] = drawn[:_HEIGHT]
    return tile
