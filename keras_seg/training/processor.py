"""What the processor of this machine computes with."""

import pathlib

_CPU_INFO = pathlib.Path("/proc/cpuinfo")
# As Linux names the instructions of x86 that multiply bfloat16: of vectors, and of tiles.
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def has_bfloat16() -> bool:
    """Whether the processor has instructions for products in bfloat16; False where that is not known.

    It is known on Linux, for processors of Intel and AMD.
    """
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _BFLOAT16.isdisjoint(flags.split())
