"""A pytest plugin: what `make quick` leaves out, and what `make test` leaves to `make test-all`, by measured times.

`long_tests/` holds lists of test functions:

- quick.txt: left out of `make quick`.
- tensorflow.txt, jax.txt, torch.txt: on that backend `make test` runs every fifth case of the function, beginning with
  the first. A function of one case is left out.

The lists are written from measured times, until the rest fits in so many seconds of test time. Functions that a list
holds stay in it; empty the file to choose anew, from a run of all tests:

make test-jax ARGS=--junitxml=times.xml
python tests/long_tests.py jax times.xml 700
"""

import collections
import pathlib
import sys
import xml.etree.ElementTree as ET

import keras
import pytest

LISTS = pathlib.Path(__file__).with_suffix("")
EVERY = 5
# In `make test` whatever they take: every documented example runs, and a killed run loses nothing.
ALWAYS = (
    "tests/docs/",
    "tests/test_docstrings.py",
    "tests/test_architecture.py",
    "tests/training/test_runs.py::test_a_killed_run",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    quick, backend = listed("quick"), listed(keras.backend.backend())
    functions = collections.defaultdict(list)
    for item in items:
        functions[function_of(item.nodeid)].append(item)
    for function, cases in functions.items():
        for item in cases if function in quick else ():
            item.add_marker("thorough")
        for item in left_out(cases) if function in backend else ():
            item.add_marker("slow")


def listed(name):
    return set((LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines())


def function_of(nodeid):
    """The id of a test without its parameters."""
    return nodeid.split("[")[0]


def left_out(cases):
    """All cases but every fifth; a single one too."""
    return [case for position, case in enumerate(cases) if position % EVERY or len(cases) == 1]


def main(name, report, rest):
    seconds = collections.defaultdict(list)
    for case in ET.parse(report).iter("testcase"):
        *folders, last = case.get("classname").split(".")
        classes = [last] if last.startswith("Test") else []
        file = "/".join(folders if classes else [*folders, last]) + ".py"
        seconds[function_of("::".join([file, *classes, case.get("name")]))].append(float(case.get("time")))
    chosen, left = list(listed(name)), sum(map(sum, seconds.values()))
    saved = {
        function: sum(each if name == "quick" else left_out(each))
        for function, each in seconds.items()
        if function not in chosen
    }
    for function in sorted(saved, key=saved.get, reverse=True):
        if left <= float(rest):
            break
        if name != "quick" and function.startswith(ALWAYS):
            continue
        left -= saved[function]
        chosen.append(function)
    (LISTS / f"{name}.txt").write_text("".join(f"{function}\n" for function in sorted(chosen)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
