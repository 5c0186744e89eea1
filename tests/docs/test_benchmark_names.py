"""Benchmarks take hours and are not run by tests: what they take from the package must at least exist."""

import ast
import importlib
import pathlib
import sys
import types

import pytest

import keras_seg

pytestmark = pytest.mark.tensorflow_only

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("docs/figures/*.py")])


def taken(tree):
    """What a script takes from the package: ("losses", "Crossentropy") for `ks.losses.Crossentropy`."""
    nicknames = {
        alias.asname or alias.name: ()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "keras_seg"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "keras_seg":
            imported = {alias.asname or alias.name: (*node.module.split(".")[1:], alias.name) for alias in node.names}
            nicknames |= imported
            yield from imported.values()
    for node in ast.walk(tree):
        names = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if names and isinstance(node, ast.Name) and node.id in nicknames:
            yield (*nicknames[node.id], *names)


def is_there(names):
    """Whether the package has it, up to the first name that is not of a module."""
    place, path = keras_seg, "keras_seg"
    for name in names:
        path = f"{path}.{name}"
        if not hasattr(place, name):
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                return False
        # Not `getattr` alone: `export.tflite` is a function, and hides the package of its name.
        place = sys.modules.get(path) or getattr(place, name)
        if not isinstance(place, types.ModuleType):
            return True
    return True


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_a_benchmark_takes_from_the_package_is_there(script):
    missing = {".".join(names) for names in taken(ast.parse(script.read_text("utf-8"))) if not is_there(names)}
    assert not missing


def test_a_name_that_was_moved_is_noticed():
    tree = ast.parse(
        "import keras_seg as ks\nfrom keras_seg.losses import Gone\nfrom keras_seg import training\n"
        "ks.training.KernelDecayAdamW(1)\ntraining.KernelDecayAdamW(1)\n"
    )
    assert [names for names in taken(tree) if not is_there(names)] == [
        ("losses", "Gone"),
        ("training", "KernelDecayAdamW"),
        ("training", "KernelDecayAdamW"),
    ]
    assert is_there(("optimizers", "KernelDecayAdamW"))
    float_nodes = ("export", "tflite", "float_nodes")
    assert is_there((*float_nodes, "_COMPARISONS")) and not is_there((*float_nodes, "COMPARISONS"))
