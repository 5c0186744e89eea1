"""The limit on the time of a test, with tests that take a fraction of a second and a limit below that."""

import pathlib

import pytest
import time_limit

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.tensorflow_only

TESTS = """
import subprocess
import sys
import time

import pytest

WORK = "import time\\nwhile time.process_time() < 0.3: pass"

def work():
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass

def test_short():
    pass

def test_waiting():
    time.sleep(0.3)

def test_long():
    work()

def test_long_command():
    subprocess.run([sys.executable, "-c", WORK], check=True)

def test_long_that_fails():
    work()
    assert False

@pytest.mark.slow
def test_slow():
    work()

@pytest.mark.slow_off_tensorflow
def test_slow_off_tensorflow():
    work()
"""


@pytest.fixture
def run(pytester, monkeypatch):
    pytester.makeini("[pytest]\nmarkers =\n    slow\n    slow_off_tensorflow")
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # They take a second to import.
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(time_limit.__file__).parent))

    def run_with(limit, backend, *options):
        monkeypatch.setenv("KERAS_SEG_TEST_LIMIT", limit)
        monkeypatch.setenv("KERAS_BACKEND", backend)
        return pytester.runpytest_subprocess("-p", "time_limit", "-p", "no:cacheprovider", *options)

    return run_with


def over_the_limit(result):
    """The names of the tests that the summary lists."""
    return {line.rpartition("::")[2] for line in result.outlines if line.lstrip().startswith("0.")}


def test_long_tests_are_listed_unless_they_are_marked(run):
    result = run("0.15", "tensorflow")
    result.assert_outcomes(passed=6, failed=1)
    assert over_the_limit(result) == {
        "test_long",
        "test_long_command",
        "test_long_that_fails",
        "test_slow_off_tensorflow",
    }
    result.stdout.fnmatch_lines("*tests over 0.15 seconds: make them faster, or mark them slow*")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_elsewhere_a_second_marker_counts(run, backend):
    result = run("0.15", backend)
    assert over_the_limit(result) == {"test_long", "test_long_command", "test_long_that_fails"}
    result.stdout.fnmatch_lines("*mark them slow_off_tensorflow*")


def test_they_are_listed_from_workers_too(run):
    assert "test_long" in over_the_limit(run("0.15", "tensorflow", "-p", "xdist", "-n", "1"))


def test_zero_is_no_limit(run):
    result = run("0", "tensorflow")
    assert over_the_limit(result) == set()
    result.stdout.no_fnmatch_line("*tests over*")
