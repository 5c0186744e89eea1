"""What the tests of conversions share: small images, JSON files, and the converted folder read back."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import convert, read_mask


def save_image(path, height=12, width=16, *, orientation=None, seed=0):
    """An RGB image of noise, as PNG or JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), "uint8"))
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def save_mask(path, ids, *, colors=None):
    """A mask of 8 bits, with a palette if colors are given; RGB and 16-bit arrays as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.asarray(ids)
    image = Image.fromarray(ids.astype("uint8") if ids.dtype != np.uint16 else ids)
    if colors:
        image.putpalette([value for color in colors for value in color])
    image.save(path)
    return path


def save_json(path, content):
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def converted(source, out, **options):
    """(report, masks by their path, labels.json) of a conversion."""
    report = convert(source, out, progress=False, **options)
    masks = {path.relative_to(out).as_posix(): read_mask(path) for path in sorted(out.rglob("masks/*.png"))}
    assert len(masks) == len(list(out.rglob("images/*")))
    return report, masks, json.loads((out / "labels.json").read_text(encoding="utf-8"))


def refused(source, out, **options):
    """The message of a refusal, in one line; nothing is left behind."""
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        convert(source, out, progress=False, **options)
    message = str(caught.value)
    assert message.isprintable(), message
    assert sorted(out.parent.rglob("*")) == before
    return message


def box_mask(height, width, *boxes):
    """A mask painted with (class, first row, row after, first column, column after)."""
    mask = np.zeros((height, width), int)
    for id_, top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = id_
    return mask
