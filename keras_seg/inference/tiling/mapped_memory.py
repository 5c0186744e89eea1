"""Giving back the memory that a memory-mapped array has gathered."""

import mmap

import numpy as np


def release(array):
    """Drop the pages of a memory-mapped array from this process; they stay in the file and are read again when needed.

    Pages once looked at count as resident until the system is short of memory. Written ones are flushed first. Arrays
    that are not mapped, and copy-on-write maps, whose changes are nowhere else, are left alone.
    """
    if not isinstance(array, np.memmap) or getattr(array, "_mmap", None) is None or array.mode == "c":
        return
    if array.mode != "r":
        array.flush()
    if hasattr(mmap, "MADV_DONTNEED"):  # Not on Windows, where the system takes them by itself.
        array._mmap.madvise(mmap.MADV_DONTNEED)
