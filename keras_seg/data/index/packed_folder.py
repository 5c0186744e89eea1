"""How a folder of shards is recognized, so that it is not read as a folder of images."""

import json
import pathlib
from typing import Any

from keras_seg import _validation
from keras_seg._types import PathLike

# The file that describes the shards of a folder, and what it calls itself.
FILE, FORMAT = "dataset.json", "keras_seg shards"
_START = 64


def is_packed(content: Any) -> bool:
    """Whether this is what the file of a folder of shards holds."""
    return isinstance(content, dict) and content.get("format") == FORMAT


def refuse_packed(path: PathLike) -> None:
    """Refuse a folder of shards where images and masks are expected."""
    file = pathlib.Path(path, FILE)
    if not file.is_file():
        return
    try:
        # The format comes first. Data sets of other programs have files of this name, which may be large.
        with file.open("rb") as stream:
            start = stream.read(_START)
    except OSError:
        return
    if json.dumps(FORMAT).encode() in start:
        fix = "Pass the folder that was packed, or train in Python with keras_seg.data.from_shards."
        _validation.fail("path", "must be a folder of images and masks, not of shards", str(path), fix)
