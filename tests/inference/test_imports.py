"""Prediction needs no training data and no metrics: an application that predicts loads neither."""

import ast
import pathlib

import pytest

from keras_seg import inference

FOLDER = pathlib.Path(inference.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))


def imported(tree):
    """The modules that a file imports, inside its functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{item.name}" for item in node.names)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("path", FILES, ids=[path.relative_to(FOLDER).as_posix() for path in FILES])
def test_inference_imports_neither_data_nor_metrics(path):
    rooms = {tuple(name.split(".")[:2]) for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
    assert not rooms & {("keras_seg", "data"), ("keras_seg", "metrics"), ("keras_seg", "evaluation")}
