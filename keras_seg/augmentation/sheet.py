"""A picture of what an augmentation does."""

import keras
import numpy as np
from PIL import Image

from keras_seg import _validation

GAP = 4
_VOID = np.array([0, 0, 0], "float32")


def sheet(augment, image, *, mask=None, count=8, columns=4, seed=0, alpha=0.45, height=160, ignore_class=None):
    """Draw an image and examples of its augmentation, with the mask over it.

    Args:
        augment: an `Augmentation`, or any callable of (image, mask, seed).
        image: array (height, width, channels), 0..255; or (batch, height, width, channels) for augmentations that mix
            images, when each example shows the first image of a batch.
        mask: integer array of the image's size, or None. Each id has a color of its own.
        count: examples. Defaults to 8.
        columns: examples a row. Defaults to 4.
        seed: int; example i has the seed (seed, i).
        alpha: share of the mask's color, 0..1. Defaults to 0.45.
        height: of each example in pixels. Defaults to 160.
        ignore_class: label or labels to draw black; by default those of the augmentation.

    Returns:
        `PIL.Image.Image`: the image as it is, then the examples.

    Raises:
        InputError: an argument is out of its range, or image and mask do not fit together.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> augment = ks.augmentation.standard(crop=32, ignore_class=255)
        >>> ks.augmentation.sheet(augment, np.zeros((40, 60, 3)), np.ones((40, 60), int), count=3).mode
        'RGB'
    """
    if not callable(augment):
        _validation.fail("augment", "must be an Augmentation or a callable of (image, mask, seed)", augment)
    count, columns = _validation.integer("count", count), _validation.integer("columns", columns)
    alpha, height = _validation.number("alpha", alpha, 0.0, 1.0), _validation.integer("height", height)
    seed = _validation.integer("seed", seed, 0)
    image = np.asarray(image)
    if image.ndim not in (3, 4):
        _validation.fail("image", "must be (height, width, channels), with or without a batch axis", image.shape)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.shape != image.shape[:-1]:
            _validation.fail("mask", f"must have the size of the image, {image.shape[:-1]}", mask.shape)
    ignored = _validation.ignored_classes(ignore_class) or tuple(getattr(augment, "ignore_class", ()))
    tiles = [_tile(image, mask, ignored, alpha=alpha, height=height)]
    for i in range(count):
        if mask is None:
            made, ids = augment(image, seed=(seed, i)), None
        else:
            made, ids = augment(image, mask, (seed, i))
            ids = keras.ops.convert_to_numpy(ids)
        tiles.append(_tile(keras.ops.convert_to_numpy(made), ids, ignored, alpha=alpha, height=height))
    return _arrange(tiles, columns)


def _tile(image, mask, ignored, *, alpha, height):
    """One picture, with the mask over it."""
    if image.ndim == 4:
        image, mask = image[0], None if mask is None else mask[0]
    image = image.astype("float32")
    image = image[..., :3] if image.shape[-1] >= 3 else image[..., :1].repeat(3, -1)
    if mask is not None:
        color = np.stack([_channel(mask, channel) for channel in range(3)], -1)
        color = np.where(np.isin(mask, ignored)[..., None], _VOID, color)
        image = (1 - alpha) * image + alpha * color
    picture = Image.fromarray(np.clip(np.rint(image), 0, 255).astype("uint8"))
    return picture.resize((max(1, round(picture.width * height / picture.height)), height))


def _channel(ids, channel):
    """A value in 40..255 for each id, whatever ids there are: multiples of irrational numbers are spread evenly."""
    step = (0.7548776662, 0.5698402910, 0.3247179572)[channel]
    return 40 + 215 * np.mod(0.5 + step * ids.astype("float64"), 1.0).astype("float32")


def _arrange(tiles, columns):
    """Pictures in rows: the first one alone in the first column, the others beside it."""
    first, rest = tiles[0], tiles[1:]
    width, height = max(tile.width for tile in rest), first.height
    rows = -(-len(rest) // columns)
    left = first.width + 3 * GAP
    size = (left + columns * (width + GAP) - GAP, rows * (height + GAP) - GAP)
    picture = Image.new("RGB", size, "white")
    picture.paste(first, (0, 0))
    for i, tile in enumerate(rest):
        picture.paste(tile, (left + i % columns * (width + GAP), i // columns * (height + GAP)))
    return picture
