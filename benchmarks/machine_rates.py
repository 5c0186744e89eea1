"""What the machine can do: multiply-adds per second of matrix products, and bytes per second of a copy.

python benchmarks/machine_rates.py     # with torch; prints JSON, without bfloat16 where it runs in software
"""

import json
import pathlib
import statistics
import time

THREADS, SIDE, BYTES, ROUNDS = 2, 2048, 2**29, 9


def has_bfloat16():
    """Whether the processor multiplies in bfloat16; in software it takes many times as long as float32.

    `keras_seg.training.processor` says so too, but the peers' Python, which runs this file and the cases, lacks it.
    """
    info = pathlib.Path("/proc/cpuinfo")
    flags = info.read_text(encoding="utf-8").split() if info.exists() else []
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def median_seconds(call):
    """The median of several calls, after one that is not counted."""
    call()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    import torch

    torch.set_num_threads(THREADS)
    rates = {}
    kinds = {"float32": torch.float32} | ({"bfloat16": torch.bfloat16} if has_bfloat16() else {})
    for name, kind in kinds.items():
        left, right = torch.rand(SIDE, SIDE).to(kind), torch.rand(SIDE, SIDE).to(kind)
        rates[name] = SIDE**3 / median_seconds(lambda a=left, b=right: a @ b)
    source, target = torch.rand(BYTES // 4), torch.rand(BYTES // 4)
    # Read and written.
    rates["bytes"] = 2 * BYTES / median_seconds(lambda: target.copy_(source))
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
