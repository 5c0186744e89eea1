"""What a person meets first: the Makefile on a bare machine, the metadata, the messages about what is missing."""

import configparser
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

import keras_seg
from keras_seg import _validation

pytestmark = pytest.mark.tensorflow_only

ROOT = pathlib.Path(__file__).parent.parent


def make(tmp_path, python):
    """`make demo` with a Python of ours in the place of the real one, and a virtual environment that is not there."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return subprocess.run(
        ["make", "-s", "demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    "text, message",
    [
        ("exit 1", "keras-seg needs Python 3.11 or newer"),
        ('case "$*" in *venv*) exit 1;; esac', "has no venv module: install it"),
    ],
)
def test_an_old_python_or_a_missing_venv_is_told_in_one_line(tmp_path, text, message):
    done = make(tmp_path, script(tmp_path / "python", text))
    assert done.returncode != 0
    printed = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make")]
    assert len(printed) == 1
    assert message in printed[0]
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all(tmp_path):
    done = make(tmp_path, tmp_path / "nothing")
    assert "install Python 3.11 or newer" in done.stdout


def test_the_core_requires_little_and_the_extras_are_there():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    required = {re.split(r"[<>=]", line)[0] for line in setup["options"]["install_requires"].split()}
    assert required == {"keras", "numpy", "pillow", "click", "rich", "jinja2", "tifffile"}
    extras = set(setup["options.extras_require"])
    wanted = ["tensorflow", "jax", "torch", "hub", "cv", "tfds", "onnx", "openvino", "scale", "docs", "test", "dev"]
    wanted += ["tensorboard", "wandb", "mlflow"]
    # boundary: SciPy, for weight maps; instances: scikit-image too, for the watershed
    assert extras == {*wanted, "boundary", "convert", "geo", "instances", "pretrained", "video", "workers"}
    assert "torch==" not in (ROOT / "setup.cfg").read_text()


def test_every_extra_named_in_the_code_exists():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    named = set()
    for path in pathlib.Path(keras_seg.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'optional_import\(\s*"[\w.]+",\s*"(\w+)"', text))
        named |= set(re.findall(r"keras-seg\[(\w+)\]", text))
    assert named
    assert named <= set(setup["options.extras_require"])


def test_a_missing_optional_package_says_what_to_install():
    with pytest.raises(ImportError, match=r'Reading TFDS needs no_such_package: pip install "keras-seg\[tfds\]"'):
        _validation.optional_import("no_such_package", "tfds", "Reading TFDS")


def test_a_broken_optional_package_shows_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import a_package_it_needs")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="a_package_it_needs"):
        _validation.optional_import("half_installed", "tfds", "Reading TFDS")


def test_the_project_names_no_path_outside_itself():
    strays = []
    for pattern in ("keras_seg/**/*.py", "tests/**/*.py", "benchmarks/*.py", "examples/*.py", "docs/*.md", "*.md"):
        for path in ROOT.glob(pattern):
            if path != pathlib.Path(__file__) and "../shared" in path.read_text(encoding="utf-8"):
                strays.append(path)
    assert not strays


class TestValidation:
    def test_the_nearest_name_is_suggested(self):
        with pytest.raises(
            _validation.InputError, match=r"`mode` is not a known option. Received: mode='sofmax'. Did you"
        ):
            _validation.one_of("mode", "sofmax", ("softmax", "sigmoid"))
        with pytest.raises(_validation.InputError, match="Choose one of: softmax, sigmoid"):
            _validation.one_of("mode", "qqq", ("softmax", "sigmoid"))

    @pytest.mark.parametrize("value", [True, 1.5, "1", None, 0])
    def test_integers(self, value):
        with pytest.raises(_validation.InputError, match="`n` must be an integer of at least 1"):
            _validation.integer("n", value)

    @pytest.mark.parametrize("value", [True, float("nan"), float("inf"), "1", None, -0.1, 1.1])
    def test_numbers(self, value):
        with pytest.raises(_validation.InputError, match="`x` must be a finite number in"):
            _validation.number("x", value, 0, 1)

    def test_ignored_classes_have_one_form(self):
        assert _validation.ignored_classes(None) == ()
        assert _validation.ignored_classes(255) == (255,)
        assert _validation.ignored_classes([255, 0, 255]) == (0, 255)
        assert _validation.ignored_classes(-1) == (-1,)
        for value in ("255", 1.5, [None], True):
            with pytest.raises(_validation.InputError, match="`ignore_class` must be None, an integer or a sequence"):
                _validation.ignored_classes(value)

    def test_class_names(self):
        assert _validation.class_names(None, 2) == ("class_0", "class_1")
        with pytest.raises(_validation.InputError, match="`class_names` must hold 3 names"):
            _validation.class_names(("a", "b"), 3)
        with pytest.raises(_validation.InputError, match="must not repeat a name"):
            _validation.class_names(("a", "a"), 2)
