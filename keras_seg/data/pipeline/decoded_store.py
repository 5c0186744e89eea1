"""Decoded examples, cached in memory or in files."""

import hashlib
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from keras_seg import _files, _validation
from keras_seg._decoding.held_file import file_stamp
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.pairs import Pair
from keras_seg.data.index.reading import read_image


class DecodedStore:
    """The examples of a folder as arrays, decoded when first requested.

    Args:
        index: a `FolderIndex` or an `InstanceIndex`.
        cache: False decodes every time; True or "memory" keeps the arrays; a path keeps them in files of that folder.
            Defaults to False.
    """

    def __init__(self, index: DataIndex, *, cache: bool | PathLike = False) -> None:
        if not isinstance(cache, (bool, str, os.PathLike)) or cache == "":
            _validation.fail("cache", "must be False, True, 'memory' or the path of a folder", cache)
        self.index = index
        self._memory: dict[int, tuple[np.ndarray, np.ndarray]] | None = None
        self._folder: pathlib.Path | None = None
        if cache is True or cache == "memory":
            self._memory = {}
        elif cache is not False:
            self._folder = pathlib.Path(cache)
            try:
                _files.make_folder(self._folder)
            except OSError as error:
                raise InputError(
                    f"{self._folder}: the folder cannot be created ({error.strerror}). Pass another path as `cache`."
                ) from error

    @property
    def in_memory(self) -> bool:
        """Whether decoded examples are kept in memory."""
        return self._memory is not None

    def get(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        """The image, (height, width, channels) of the index's dtype, and its labels, (height, width)."""
        position = int(position)
        if self._memory is not None:
            # Two threads may both decode an example the first time; they store the same arrays.
            if position not in self._memory:
                self._memory[position] = self._decode(position)
            return self._memory[position]
        if self._folder is not None:
            return self._from_file(self._folder, position)
        return self._decode(position)

    def _decode(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        pair, size = self.index.pairs[position], self.index.sizes[position]
        turning = self.index.exif_orientation
        image = read_image(pair.image, channels=self.index.channels, exif_orientation=turning)
        image = image.astype(self.index.image_dtype, copy=False)
        mask = self.index.read_labels(position)
        for path, array in ((pair.image, image), (pair.mask, mask)):
            if array.shape[:2] != tuple(size):
                raise InputError(f"{path}: its size changed since the folder was scanned. Scan the folder again.")
        return image, mask

    def _from_file(self, folder: pathlib.Path, position: int) -> tuple[np.ndarray, np.ndarray]:
        pair = self.index.pairs[position]
        # A file that changed or is read differently gets another name, so a stale entry is never used.
        stamp = [
            *(file_stamp(path) for path in _files_of(pair)),
            self.index._file_key(position),
        ]
        file = folder / f"{hashlib.sha1(' '.join(stamp).encode()).hexdigest()}.npz"
        if file.exists():
            with np.load(file) as arrays:
                return arrays["image"], arrays["mask"]
        image, mask = self._decode(position)
        # Aside, each time in a place of its own: other threads and processes may write the same entry.
        try:
            with _files.written_aside(file, overwrite=True) as aside, aside.open("wb") as stream:
                np.savez(stream, image=image, mask=mask)
        except OSError as error:
            raise _files.not_writable(file, error) from error
        return image, mask


def _files_of(pair: Pair) -> Iterator[pathlib.Path]:
    """The files of an example: a mask may be a folder with one file per object, and a .zarr store has many files."""
    for path in pair:
        yield from sorted(path.rglob("*")) if path.is_dir() else (path,)
