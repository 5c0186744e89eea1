"""A Ray cluster of two workers on this machine, for tests."""

import contextlib
import logging
import os
import pathlib

import pytest

TESTS = pathlib.Path(__file__).parents[1]


@contextlib.contextmanager
def two_cores(**environment):
    """A cluster whose workers find the package, the tests, and what stands in the environment."""
    ray = pytest.importorskip("ray", reason='Ray is missing: pip install "keras-seg[scale]"')
    pytest.importorskip("ray.data", reason='Ray Data is missing: pip install "keras-seg[scale]"')
    path = os.pathsep.join([str(TESTS.parent), str(TESTS), str(TESTS / "scale"), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PYTHONPATH": path, "RAY_BACKEND_LOG_LEVEL": "fatal", **environment}.items():
            patch.setenv(name, value)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        try:
            yield
        finally:
            ray.shutdown()
