"""Training and prediction on a GPU: U-Nets on JAX beside segmentation_models_pytorch, in bfloat16 on the same card.

    python benchmarks/gpu.py [--json FILE]                     # under 8 minutes
    python benchmarks/gpu.py --size 64 --batch 2 --steps 1     # a trial on a CPU

JAX, torch and smp must be in one environment. smp is in channels_last with autocast, with and without torch.compile.
Processes take turns; medians of five turns of `--steps` steps. Each line ends with the ratio of our images per second
to those of the faster peer.
"""

import argparse
import json
import pathlib
import statistics
import sys

from cases.gpu import CALLS, NETS, SYSTEMS
from worker import Worker


def measured(case):
    """{system: milliseconds per step, MiB, slowest kernels}; None for one that did not run."""
    workers = {system: Worker(sys.executable, "gpu", system, case) for system in SYSTEMS}
    found = {}
    for system, worker in list(workers.items()):
        try:
            worker.ready()
        except SystemExit as error:
            print(error, flush=True)
            found[system] = workers.pop(system) and None
    times = {system: [] for system in workers}
    for _ in range(CALLS):
        for system, worker in workers.items():
            times[system].append(worker.call())
    for system, worker in workers.items():
        # The first two compile.
        found[system] = {"milliseconds": round(statistics.median(times[system][2:]), 2), **worker.call()}
        worker.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=NETS)
    parser.add_argument("--json", type=pathlib.Path, help="also write the numbers to this file")
    given = parser.parse_args()
    whole = {}
    for task in ("training", "prediction"):
        for net in given.nets:
            found = measured(f"{task}, {net}, {given.size}, {given.batch}, {given.steps}")
            whole[f"{task}, {net}"] = found
            rates = {system: 1000 * given.batch / one["milliseconds"] for system, one in found.items() if one}
            shown = ", ".join(
                f"{system} {rate:,.1f} images/s and {found[system]['MiB']:,} MiB" for system, rate in rates.items()
            )
            peers = [rate for system, rate in rates.items() if system.startswith("smp")]
            ratio = f": {rates[SYSTEMS[0]] / max(peers):.2f}" if peers and SYSTEMS[0] in rates else ""
            print(f"{task}, {net}: {shown}{ratio}", flush=True)
            if given.json:
                given.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    for case, found in whole.items():
        for system, one in found.items():
            for name, milliseconds in (one or {}).get("slowest", ()):
                print(f"{case}, {system}: {milliseconds:9.3f} ms  {name[:80]}")


if __name__ == "__main__":
    main()
