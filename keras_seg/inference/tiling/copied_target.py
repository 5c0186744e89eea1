"""Predictions as a .npy file that several processes write."""

from typing import Any

import numpy as np

from keras_seg import _files
from keras_seg.inference.tiling.written_rows import PathTarget, check_space, npy_file, release

_ROWS = 512


class CopiedTarget(PathTarget):
    """A .npy file: rows are collected in a store beside it, and copied when all are there.

    Processes on several machines that map one file to memory would overwrite each other's rows where bands meet inside
    a page of memory.
    """

    def finish(self) -> Any:
        """The complete prediction, opened for reading."""
        rows = self._reopen(self.partial, "r")
        check_space(self._path, rows.shape, rows.dtype)
        file = npy_file(rows.shape, rows.dtype)
        with _files.written_aside(self._path, overwrite=True) as aside:
            copy = file.create(aside)
            for top in range(0, len(copy), _ROWS):
                copy[top : top + _ROWS] = np.asarray(rows[top : top + _ROWS])
                release(copy)
            del copy
        self.abandon()
        return file.reopen(self._path, "r")
