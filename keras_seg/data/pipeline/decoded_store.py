"""Decoded examples, kept where the user asked for."""

import hashlib
import os
import pathlib

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.index.reading import read_image


class DecodedStore:
    """The examples of a folder as arrays, decoded when first asked for.

    Args:
        index: a `FolderIndex` or an `InstanceIndex`.
        cache: False decodes every time; True or "memory" keeps the arrays; a path keeps them in files of that folder.
    """

    def __init__(self, index, *, cache=False):
        if not isinstance(cache, (bool, str, os.PathLike)) or cache == "":
            _validation.fail("cache", "must be False, True, 'memory' or the path of a folder", cache)
        self.index = index
        self._memory = {} if cache is True or cache == "memory" else None
        self._folder = None
        if cache and self._memory is None:
            self._folder = pathlib.Path(cache)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{self._folder}: the cache folder cannot be made ({error.strerror}).") from error

    def get(self, position):
        """The image, (height, width, channels) of the index's dtype, and its ids, (height, width)."""
        position = int(position)
        if self._memory is not None:
            # Two threads may decode the same example at first; they store the same arrays.
            if position not in self._memory:
                self._memory[position] = self._decode(position)
            return self._memory[position]
        if self._folder is not None:
            return self._from_file(position)
        return self._decode(position)

    def _decode(self, position):
        pair, size = self.index.pairs[position], self.index.sizes[position]
        image = read_image(pair.image, channels=self.index.channels).astype(self.index.image_dtype, copy=False)
        mask = self.index.read_labels(position)
        for path, array in ((pair.image, image), (pair.mask, mask)):
            if array.shape[:2] != tuple(size):
                raise InputError(f"{path}: its size changed since the folder was scanned. Scan the folder again.")
        return image, mask

    def _from_file(self, position):
        pair = self.index.pairs[position]
        # A changed file or another reading of it gets another name, so a stale entry is never used.
        stamp = [
            *(f"{path.resolve()} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in _files(pair)),
            self.index.reading,
        ]
        file = self._folder / f"{hashlib.sha1(' '.join(stamp).encode()).hexdigest()}.npz"
        if file.exists():
            with np.load(file) as arrays:
                return arrays["image"], arrays["mask"]
        image, mask = self._decode(position)
        # Renamed when complete: a killed run leaves no half-written entry behind.
        part = file.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as stream:
            np.savez(stream, image=image, mask=mask)
        part.replace(file)
        return image, mask


def _files(pair):
    """The files of an example: a mask may be a folder of one file for each object."""
    yield pair.image
    yield from sorted(pair.mask.iterdir()) if pair.mask.is_dir() else (pair.mask,)
