"""Timing of alternatives in one run: they alternate, so that noise on the machine affects all of them."""

import statistics
import time


def alternate(alternatives, rounds=11, warmup=2):
    """Median milliseconds of each of `{name: callable}`, called alternately; the first calls are not counted."""
    times = {name: [] for name in alternatives}
    for round_ in range(rounds + warmup):
        for name, call in alternatives.items():
            start = time.perf_counter()
            call()
            if round_ >= warmup:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}
