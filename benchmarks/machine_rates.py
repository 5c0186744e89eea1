"""What the machine can do: multiply-adds per second of matrix products, and bytes per second of a copy.

python benchmarks/machine_rates.py     # with torch; prints JSON
"""

import json
import statistics
import time

THREADS, SIDE, BYTES, ROUNDS = 2, 2048, 2**29, 9


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
    for name, kind in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        left, right = torch.rand(SIDE, SIDE).to(kind), torch.rand(SIDE, SIDE).to(kind)
        rates[name] = SIDE**3 / median_seconds(lambda a=left, b=right: a @ b)
    source, target = torch.rand(BYTES // 4), torch.rand(BYTES // 4)
    # Read and written.
    rates["bytes"] = 2 * BYTES / median_seconds(lambda: target.copy_(source))
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
