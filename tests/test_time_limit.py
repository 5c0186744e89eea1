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

    def run_with(limit, backend):
        monkeypatch.setenv("KERAS_SEG_TEST_LIMIT", limit)
        monkeypatch.setenv("KERAS_BACKEND", backend)
        return pytester.runpytest_subprocess("-p", "time_limit", "-p", "no:cacheprovider", "-rA")

    return run_with


def test_a_long_test_fails_unless_it_is_marked(run):
    result = run("0.15", "tensorflow")
    result.assert_outcomes(passed=3, failed=3)
    result.stdout.fnmatch_lines_random(
        ["FAILED *::test_long - *", "FAILED *::test_long_command - *", "FAILED *::test_slow_off_tensorflow*"]
    )
    result.stdout.fnmatch_lines("The test took 0.* seconds (limit: 0.15). *mark it: @pytest.mark.slow")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_elsewhere_a_second_marker_counts(run, backend):
    result = run("0.15", backend)
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines("*mark it: @pytest.mark.slow_off_tensorflow")


def test_zero_is_no_limit(run):
    run("0", "tensorflow").assert_outcomes(passed=6)
