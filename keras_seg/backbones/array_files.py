"""Files of arrays by name: `.safetensors`, read here, and `.pth` or Lightning's `.ckpt`, by PyTorch's safe loader."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg._validation import first_line

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")

# bfloat16 is the upper half of a float32.
_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_arrays(path: PathLike) -> Mapping[str, Any]:
    """The content of a file whose suffix is in `SUFFIXES`: arrays by name."""
    if pathlib.Path(path).suffix.lower() == ".safetensors":
        return _safetensors(pathlib.Path(path))
    return _torch(path)


def _torch(path: PathLike) -> Mapping[str, Any]:
    torch = _validation.optional_import("torch", "torch", f"Reading {os.path.basename(path)}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        rule = f"cannot be read by PyTorch's safe loader ({first_line(error)})"
        fix = "Save model.state_dict() with torch.save, not the model: a pickled model can run any code."
        _validation.fail("weights", rule, str(path), fix)


def _safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The format: eight bytes with the length of a JSON header, the header, the arrays."""
    content = path.read_bytes()
    try:
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start].decode("utf-8"))
        header.pop("__metadata__", None)
        return {name: _tensor(content, start, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        _validation.fail("weights", "is no complete .safetensors file", str(path), "Fetch or save it again.")


def _tensor(content: bytes, start: int, entry: dict[str, Any]) -> np.ndarray:
    first, last = entry["data_offsets"]
    if not 0 <= first <= last <= len(content) - start:
        raise ValueError("an array lies outside the file")
    array = np.frombuffer(content[start + first : start + last], _TYPES[entry["dtype"]])
    if entry["dtype"] == "BF16":
        array = (array.astype("<u4") << 16).view("<f4")
    return array.reshape(entry["shape"])
