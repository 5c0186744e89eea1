"""How a folder of shards is recognized."""

import json
import os
import pathlib
from typing import Any, TypeGuard

from keras_seg import _validation
from keras_seg._types import PathLike

# The file that describes the shards of a folder, and what it calls itself.
FILE, FORMAT = "dataset.json", "keras_seg shards"
_START = 64


def is_packed(content: Any) -> bool:
    """Whether this is what the file of a folder of shards holds."""
    return isinstance(content, dict) and content.get("format") == FORMAT


def is_packed_folder(path: Any) -> TypeGuard[PathLike]:
    """Whether a path is that of a folder of shards."""
    if not isinstance(path, (str, os.PathLike)):
        return False
    file = pathlib.Path(path, FILE)
    if not file.is_file():
        return False
    try:
        # The format comes first. Data sets of other programs have files of this name, which may be large.
        with file.open("rb") as stream:
            start = stream.read(_START)
    except OSError:
        return False
    return json.dumps(FORMAT).encode() in start


def refuse_packed(path: PathLike) -> None:
    """Refuse a folder of shards where files of images and masks are expected."""
    if is_packed_folder(path):
        fix = "Pass the folder that was packed."
        _validation.fail("path", "must be a folder of images and masks, not of shards", str(path), fix)
