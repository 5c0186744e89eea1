"""Shared by all tests: the real data's folder, a fixed seed, and quiet TensorFlow."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import pytest
from plan_facts import installed

pytest_plugins = ["long_tests", "time_limit"]


def pytest_configure(config):
    """With KERAS_SEG_WARNINGS=error, of `make test-newest`, warnings fail except for those in pyproject.toml."""
    if os.environ.get("KERAS_SEG_WARNINGS") == "error":
        config.getini("filterwarnings").insert(0, "error")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file whose fixture they share run in one worker: two would each train the same model."""
    from xdist.scheduler import LoadScopeScheduling

    tests = pathlib.Path(__file__).parent
    shared = {path for path in tests.rglob("test_*.py") if 'scope="module"' in path.read_text(encoding="utf-8")}
    names = {path.relative_to(config.rootpath).as_posix() for path in shared}

    class SharedFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::", 1)[0]
            return file if file in names else nodeid

    return SharedFixtures(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(autouse=True)
def seed():
    """Every test starts from the same random state and a fresh Keras name scope, and leaves no global policy behind."""
    keras.utils.clear_session(free_memory=False)  # Collecting garbage before every test costs up to a second each.
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True)
def no_pretrained_weights(monkeypatch):
    """Plans train Compact: the network whose weights are installed takes several times as long (see `plan_facts`)."""
    installed(monkeypatch)


@pytest.fixture(autouse=True)
def any_processor(monkeypatch):
    """Plans are the same on every processor: in bfloat16 only where a test says so."""
    monkeypatch.setattr("keras_seg.training.processor.has_bfloat16", lambda: False)


@pytest.fixture(params=["float32", "mixed_float16"])
def policy(request):
    """The dtype policies that models are trained in."""
    name = request.param
    if name == "mixed_float16" and keras.backend.backend() == "torch":
        name = "mixed_bfloat16"  # PyTorch has no float16 convolutions on CPUs.
    keras.config.set_dtype_policy(name)
    return name


@pytest.fixture
def steps(policy):
    """How many batches to train on until a step is taken.

    In float16, Keras scales the loss by 32,768, and leaves out a step and halves that where a gradient overflows.
    """
    return 16 if policy == "mixed_float16" else 1


def real_data(name):
    """Folder `name` of the real data sets, or a skip that says how to have it."""
    root = os.environ.get("KERAS_SEG_DATA")
    if not root:
        pytest.skip("set KERAS_SEG_DATA to the folder that holds camvid/ and membrane/ to run this test")
    path = pathlib.Path(root) / name
    if not path.is_dir():
        pytest.skip(f"KERAS_SEG_DATA has no folder {name}")
    return path


@pytest.fixture(scope="session")
def camvid():
    return real_data("camvid")


@pytest.fixture(scope="session")
def membrane():
    return real_data("membrane")
