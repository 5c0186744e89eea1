"""Settings with which TensorFlow keeps freed memory on a CPU: a quarter off a training step.

`keras_seg` sets them when it is imported, unless they are set already. TensorFlow reads them at its first operation;
other backends do not.

oneDNN is left as TensorFlow sets it. On processors without AVX-512 it makes training steps faster, but has no fast
convolution for a single image: that of a large one, 1024x2048 pixels of 64 channels, falls to reference code.
"""

import os

from keras_seg._memory import installed_memory

_BFC = "TF_CPU_ALLOCATOR_USE_BFC"
_BFC_LIMIT = "TF_CPU_BFC_MEM_LIMIT_IN_MB"
# TensorFlow's own limit in MiB, which machines with more memory need not keep to.
_BFC_DEFAULT = 2**16


def set_defaults() -> None:
    """Have freed memory kept for the next step; see docs/benchmarks.md for what it gives."""
    # Without oneDNN, which brings an allocator, each large tensor is memory that the system has to clear page by page.
    os.environ.setdefault(_BFC, "1")
    memory = installed_memory() or 0
    os.environ.setdefault(_BFC_LIMIT, str(max(_BFC_DEFAULT, memory // 2**20)))


set_defaults()
