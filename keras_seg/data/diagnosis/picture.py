"""Images with their masks over them, on one sheet."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.mask_ids import mask_ids
from keras_seg.data.diagnosis.mask_size import size_difference
from keras_seg.data.diagnosis.pair_facts import PairFacts
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
    fitting = [facts for facts in collected.pairs if size_difference(facts) == "same" and _drawable(collected, facts)]
    if not fitting:
        return None
    chosen = [fitting[i] for i in np.unique(np.linspace(0, len(fitting) - 1, min(_SHOWN, len(fitting))).astype(int))]
    ids = [id_ for id_ in collected.classes if 0 <= id_ < _MAX_CLASSES]
    colors = palette(max(ids, default=0) + 1)
    tiles, names = [], []
    for facts in chosen:
        try:
            tiles.append(_tile(collected, facts, colors))
        except InputError:  # The file has changed since.
            continue
        names.append(collected.name(facts.image))
    if not tiles:
        return None
    columns = min(_COLUMNS, len(tiles))
    blank = np.full((_HEIGHT, 1, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    legend = [(collected.class_name(id_), colors[id_]) for id_ in ids[:20]]
    return Picture(sheet(rows, legend=legend, tile_height=_HEIGHT), tuple(names))


def _drawable(collected: Collected, facts: PairFacts) -> bool:
    look = facts.mask_look
    return look is not None and not look.many and (look.gray or collected.palette is not None)


def _tile(collected: Collected, facts: PairFacts, colors: np.ndarray) -> np.ndarray:
    if facts.image is None or facts.image_look is None:
        raise ValueError("Only pairs are drawn.")
    image = read_image(facts.image, channels=facts.image_look.channels)
    if facts.image_look.wide:  # Stretched, else 12 bits in 16 are black.
        image = image * (255 / max(float(image.max()), 1e-12))
    image = np.clip(image, 0, 255).astype(np.uint8)
    image = np.repeat(image[..., :1], 3, -1) if image.shape[-1] < 3 else np.ascontiguousarray(image[..., :3])
    height, width = image.shape[:2]
    scale = min(_HEIGHT / height, _MAX_WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.array(
        Image.fromarray(image).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST)
    )
    mask = Image.fromarray(mask_ids(collected, facts).astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    drawn = overlay(small, np.array(mask), colors, alpha=_ALPHA)
    tile = np.full((_HEIGHT, drawn.shape[1], 3), 255, np.uint8)
    tile[: drawn.shape[0]] = drawn[:_HEIGHT]
    return tile
