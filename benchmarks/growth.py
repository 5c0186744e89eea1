"""How time and memory of the main parts grow with the size of the images, the batch, the classes and the depth.

    python benchmarks/growth.py [--parts "training step" Lovasz] [--rounds 5]

Each point is a process of its own, on a machine that does nothing else; the median of several calls counts, and the
most memory that the process had. Parts that are run replace theirs in docs/growth.json, and the table and the picture
of docs/performance.md are made again.
"""

import argparse
import datetime
import json
import math
import os
import statistics
import sys

import growth_curves
import page_tables
from cases.growth import AXES, NOTHING
from performance import processor
from worker import THREADS, Worker

MOST_SECONDS = 20


def measured(case, rounds):
    """[milliseconds, MiB] of a case; None where the process did not live."""
    worker = Worker(sys.executable, "growth", "keras_seg", case)
    try:
        worker.ready()
        # The first calls compile. Long ones are measured once.
        worker.call()
        times = [worker.call()]
        if times[0] < 1000 * MOST_SECONDS / rounds:
            times = [worker.call() for _ in range(rounds)]
        return [round(statistics.median(times), 2), round(worker.close())]
    except SystemExit:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(AXES), default=list(AXES))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    path = page_tables.DOCS / growth_curves.FILE
    whole = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"parts": {}}
    whole |= {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "threads": THREADS,
        "memory": math.floor(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20),
        "libraries": measured(NOTHING, given.rounds)[1],
    }
    for part in given.parts:
        whole["parts"][part] = {}
        for axis, values in AXES[part].items():
            points = {value: measured(f"{part}, {axis}, {value}", given.rounds) for value in values}
            whole["parts"][part][axis] = points
            print(f"{part}, {axis}: {points}", flush=True)
    path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    page_tables.write_tables()
    growth_curves.draw()


if __name__ == "__main__":
    main()
