"""The memory of this machine, and errors that say it is full."""

import os

# Of TensorFlow, XLA, PyTorch on GPUs and on CPUs, ONNX Runtime and OpenVINO, and C++.
_SIGNS = (
    "OOM when allocating",
    "ResourceExhaustedError",
    "RESOURCE_EXHAUSTED",
    "Out of memory",
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Failed to allocate",
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of a backend or runtime says that an array cannot be allocated."""
    text = f"{type(error).__name__}: {error}"
    return isinstance(error, MemoryError) or any(sign in text for sign in _SIGNS)


def installed_memory() -> int | None:
    """Bytes of physical memory; None on systems that do not report it (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
