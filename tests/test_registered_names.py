"""Names under which classes are saved."""

import ast
import collections
import json
import pathlib
import subprocess
import sys

import pytest

import keras_seg

pytestmark = pytest.mark.tensorflow_only


def registered():
    """(name, file) for each class or function that Keras can load by name."""
    for path in pathlib.Path(keras_seg.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for call in getattr(node, "decorator_list", ()):
                if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("register_keras_serializable"):
                    given = {word.arg: word.value.value for word in call.keywords}
                    name = call.args[1].value if len(call.args) > 1 else given.get("name", node.name)
                    yield name, path


def test_no_two_classes_are_saved_under_one_name():
    """The one imported last would be loaded in place of the other."""
    files = collections.defaultdict(list)
    for name, file in registered():
        files[name].append(file.name)
    assert len(files) > 30
    assert not {name: where for name, where in files.items() if len(where) > 1}


IMPORT = """
import json, sys
import keras, keras_seg
names = [name for name in keras.saving.get_custom_objects() if name.startswith("keras_seg>")]
later = [name for name in keras_seg.__all__ if f"keras_seg.{name}" not in sys.modules]
later += [name for name in ("PIL.ImageDraw", "keras_seg.inference.tiling") if name not in sys.modules]
listed = set(keras_seg.__all__) <= set(dir(keras_seg))
found = keras_seg.data is sys.modules["keras_seg.data"]
inference = keras_seg.inference
listed &= all(hasattr(inference, name) and name in dir(inference) for name in inference.__all__)
try:
    keras_seg.dta
except AttributeError as error:
    wrong = str(error)
print(json.dumps([names, later, listed, found, wrong]))
"""


def test_what_saved_models_hold_is_imported_at_once_and_the_rest_later():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    names, later, listed, found, wrong = json.loads(done.stdout.splitlines()[-1])
    assert {f"keras_seg>{name}" for name, file in registered() if "compat" not in file.parts} == set(names)
    assert {
        "backbones",
        "data",
        "evaluation",
        "export",
        "models",
        "report",
        "surgery",
        "training",
        "visualization",
    } <= set(later)
    assert {"PIL.ImageDraw", "keras_seg.inference.tiling"} <= set(later)
    assert listed and found
    assert wrong == "module 'keras_seg' has no attribute 'dta'"
