"""Settings that TensorFlow reads once, and that make its training steps on a CPU up to two fifths faster.

`keras_seg` sets them when it is imported, unless they are set already; other backends do not read them.
"""

import os
import sys

from keras_seg._memory import installed_memory

_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_BFC = "TF_CPU_ALLOCATOR_USE_BFC"
_BFC_LIMIT = "TF_CPU_BFC_MEM_LIMIT_IN_MB"
# TensorFlow's own limit in MiB, which machines with more memory need not keep to.
_BFC_DEFAULT = 2**16


def set_defaults() -> None:
    """Turn oneDNN on, and have freed memory kept for the next step; see docs/performance.md for what each gives."""
    # Read as TensorFlow is imported. It leaves oneDNN out on processors without AVX-512.
    if "tensorflow" not in sys.modules:
        os.environ.setdefault(_ONEDNN, "1")
    # Read at the first operation. Without oneDNN, which brings an allocator, each large tensor is memory that the
    # system has to clear page by page.
    os.environ.setdefault(_BFC, "1")
    memory = installed_memory() or 0
    os.environ.setdefault(_BFC_LIMIT, str(max(_BFC_DEFAULT, memory // 2**20)))


set_defaults()
