"""A pytest plugin: lists the tests that take too long for `make test` and have no marker that leaves them out there.

It lists them at the end and fails nothing: whether a test passes must not depend on the machine.
"""

import os
from time import perf_counter  # Imported by name: tests replace the clocks in the module.

import pytest

SECONDS = 10  # A test over this is marked.
# A loaded machine takes up to three times the processor time that a quiet one takes.
LIMIT = float(os.environ.get("KERAS_SEG_TEST_LIMIT", 3 * SECONDS))  # 0 is no limit.
MARKERS = ["slow"] if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" else ["slow_off_tensorflow", "slow"]
PROPERTY = "seconds over the limit"


def seconds_used():
    """Wall time, and processor time of this process, its threads and the commands it has waited for."""
    times = os.times()
    return perf_counter(), times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    start = seconds_used()
    try:
        return (yield)
    finally:
        # Wall time grows with the load of the machine, processor time with threads that wait on many cores: not both.
        used = min(after - before for before, after in zip(start, seconds_used(), strict=True))
        if 0 < LIMIT < used and not any(item.get_closest_marker(marker) for marker in MARKERS):
            item.user_properties.append((PROPERTY, used))  # Reaches the terminal from the workers of pytest-xdist, too.


def pytest_terminal_summary(terminalreporter):
    long = [
        (seconds, report.nodeid)
        for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
        if report.when == "call"
        for name, seconds in report.user_properties
        if name == PROPERTY
    ]
    if long:
        terminalreporter.section(f"tests over {LIMIT:g} seconds: make them faster, or mark them {MARKERS[0]}")
        for seconds, test in sorted(long, reverse=True):
            terminalreporter.line(f"{seconds:7.3g}  {test}")
