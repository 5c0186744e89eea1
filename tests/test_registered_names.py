"""Names under which classes are saved."""

import ast
import collections
import pathlib

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
                    yield name, path.name


def test_no_two_classes_are_saved_under_one_name():
    """The one imported last would be loaded in place of the other."""
    files = collections.defaultdict(list)
    for name, file in registered():
        files[name].append(file)
    assert len(files) > 30
    assert not {name: where for name, where in files.items() if len(where) > 1}
