"""The examples of all docstrings, run."""

import doctest
import importlib
import pathlib
import pkgutil
import re

import pytest

import keras_seg

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(keras_seg.__path__, "keras_seg.") if "__main__" not in module.name
)


@pytest.mark.thorough
@pytest.mark.tensorflow_only  # Some examples show TensorFlow's way of printing shapes.
@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    if " np, rasterio" in pathlib.Path(module.__file__).read_text(encoding="utf-8"):
        pytest.importorskip("rasterio")
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_examples():
    """Guards the test above against finding nothing to run."""
    finder = doctest.DocTestFinder()
    count = sum(len(t.examples) for name in MODULES for t in finder.find(importlib.import_module(name)))
    assert count > 60


def test_examples_are_a_section():
    """`Examples:`, indented. Else the site takes `[1:]` followed by `['a']` for a link, and its strict build fails."""
    astray = [
        path.relative_to(pathlib.Path(keras_seg.__file__).parent).as_posix()
        for path in pathlib.Path(keras_seg.__file__).parent.rglob("*.py")
        if re.search(r"^ *Example:$|^( *)Examples:\n\n?\1>>>", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert astray == []
