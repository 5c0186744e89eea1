"""A pytest plugin: `make quick` leaves out the tests in thorough.txt, those that took the longest.

make test-tensorflow ARGS=--junitxml=times.xml
python tests/thorough.py times.xml  # writes the list again
"""

import collections
import pathlib
import sys
import xml.etree.ElementTree as ET

import pytest

LIST = pathlib.Path(__file__).with_name("thorough.txt")
LONGEST = 0.7  # Seconds of a test of `make quick`
TOGETHER = 5.0  # Seconds of all tests of one function


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    listed = set(LIST.read_text(encoding="utf-8").splitlines())
    for item in items:
        if function_of(item.nodeid) in listed:
            item.add_marker("thorough")


def function_of(nodeid):
    """The id of a test without its parameters."""
    return nodeid.split("[")[0]


def main(report):
    seconds = collections.defaultdict(list)
    for case in ET.parse(report).iter("testcase"):
        *folders, name = case.get("classname").split(".")
        classes = [name] if name.startswith("Test") else []
        file = "/".join(folders if classes else [*folders, name]) + ".py"
        seconds[function_of("::".join([file, *classes, case.get("name")]))].append(float(case.get("time")))
    listed = [name for name, each in seconds.items() if max(each) >= LONGEST or sum(each) >= TOGETHER]
    LIST.write_text("".join(f"{name}\n" for name in sorted(listed)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
