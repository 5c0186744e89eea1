"""PyTorch's file format of before 2020, read without PyTorch. For files whose hash was checked."""

import io
import pickle
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Place(NamedTuple):
    """Where the numbers of a tensor are."""

    storage: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Makes dicts, numbers and `_Place`s, and refuses every other class or function."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _place
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype]:
        _, dtype, key, *_ = pid
        return key, dtype


def _place(storage: tuple[str, np.dtype], offset: int, shape: tuple, strides: tuple, *_: Any) -> _Place:
    return _Place(*storage, offset, shape, strides)


def _tensor(place: _Place, storage: np.ndarray) -> np.ndarray:
    last = place.offset + sum((size - 1) * step for size, step in zip(place.shape, place.strides, strict=True))
    if min(place.offset, *place.shape, *place.strides, 0) < 0 or last >= len(storage):
        raise pickle.UnpicklingError("a tensor lies outside its storage")
    strides = [step * storage.itemsize for step in place.strides]
    return np.lib.stride_tricks.as_strided(storage[place.offset :], place.shape, strides, writeable=False)


def read_torch_archive(content: bytes) -> dict[str, np.ndarray]:
    """The state dict in the bytes of such a file.

    Four pickles come first (a magic number, a version, facts about the machine, the tensors without their numbers),
    then the storages: a pickled list of their names, and for each its length in eight bytes and its numbers.
    """
    file = io.BytesIO(content)
    if _Unpickler(file).load() != _MAGIC:
        raise pickle.UnpicklingError("the file is not in the format expected")
    _Unpickler(file).load()
    _Unpickler(file).load()
    places = _Unpickler(file).load()
    types = {place.storage: place.dtype for place in places.values()}
    storages = {}
    for key in _Unpickler(file).load():
        length = int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(file.read(length * types[key].itemsize), types[key])
    return {name: _tensor(place, storages[place.storage]) for name, place in places.items()}
