"""A pytest plugin: a test that takes too long for `make test` fails unless a marker leaves it out there."""

import os
from time import perf_counter  # Imported by name: tests replace the clocks in the module.

import pytest

SECONDS = 10  # A test over this is marked.
# Six times that fails: a loaded machine takes up to three times the processor time that a quiet one takes, a slow one
# twice as much as a fast one.
LIMIT = float(os.environ.get("KERAS_SEG_TEST_LIMIT", 6 * SECONDS))  # 0 is no limit.
MARKERS = ["slow"] if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" else ["slow_off_tensorflow", "slow"]


def seconds_used():
    """Wall time, and processor time of this process, its threads and the commands it has waited for."""
    times = os.times()
    return perf_counter(), times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    start = seconds_used()
    result = yield
    # Wall time grows with the load of the machine, processor time with the threads that wait on many cores: not both.
    used = min(after - before for before, after in zip(start, seconds_used(), strict=True))
    if 0 < LIMIT < used and not any(item.get_closest_marker(marker) for marker in MARKERS):
        fix = f"Make it faster, or mark it: @pytest.mark.{MARKERS[0]}"
        pytest.fail(f"The test took {used:.3g} seconds (limit: {LIMIT:g}). {fix}", pytrace=False)
    return result
