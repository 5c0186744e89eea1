"""Whether files look like masks or like images, for folders whose names do not tell."""

import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_seg._decoding.arrays import is_array, open_array

_LOOKED_AT = 3
# A mask holds few values in large areas; a photo hardly repeats a color.
_FEW = 64
_LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif")


def look_like_masks(files: Sequence[pathlib.Path]) -> bool | None:
    """Whether files hold few values, without loss, as masks do. None if none of the first can be read."""
    answers = [answer for answer in map(_looks_like_mask, files[:_LOOKED_AT]) if answer is not None]
    return all(answers) if answers else None


def _looks_like_mask(file: pathlib.Path) -> bool | None:
    if file.suffix.lower() in _LOSSY:
        return False
    try:
        if is_array(file):
            values = open_array(file)
            return values.ndim == 2 and values.dtype.kind in "iub" and len(np.unique(values[:])) <= _FEW
        with Image.open(file) as image:
            if image.format == "JPEG":
                return False
            if image.mode not in ("RGB", "RGBA"):
                return len(np.unique(np.asarray(image))) <= _FEW
            return image.getcolors(_FEW) is not None
    # A broken file is reported when it is read.
    except Exception:
        return None
