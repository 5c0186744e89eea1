"""Code that TensorFlow's AutoGraph reads: it cannot read assignments inside expressions, and warns about them."""

import ast
import pathlib

import pytest

import keras_seg

ROOT = pathlib.Path(keras_seg.__file__).parent
ROOMS = ("_labels", "initializers", "layers", "losses", "metrics")


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("room", ROOMS)
def test_no_assignment_inside_an_expression(room):
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.NamedExpr), f"{path}:{node.lineno}: AutoGraph cannot read `:=`"
