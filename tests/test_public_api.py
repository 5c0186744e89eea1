"""The public API is what tests/public_api.txt says: a name or a default that changes is seen in review.

Renew it with `python tests/test_public_api.py`.
"""

import contextlib
import difflib
import importlib
import inspect
import io
import pathlib
import re
import types

import click
import pytest

import keras_seg
from keras_seg_cli.main import cli, main

SNAPSHOT = pathlib.Path(__file__).parent / "public_api.txt"
# Keras' own contract, which is the same for all layers and losses.
_KERAS = {"build", "call", "compute_output_shape", "compute_output_spec", "from_config", "get_config"}
ADVICE = """
The public API has changed (- before, + now). If that was meant:
  1. say so in CHANGELOG.md;
  2. by semantic versioning, what is added makes a minor version; what is renamed, removed or has another default makes
     a major one (before 1.0: a minor one). keras_seg/_version.py follows at the release;
  3. renew the snapshot: python tests/test_public_api.py
"""


def signature(function):
    """(names and defaults of the arguments); their annotations name modules, which may move."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    bare = [parameter.replace(annotation=parameter.empty) for parameter in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=found.empty))
    return re.sub(r"<function (\w+) at \w+>", r"\1", text)


def own_members(cls):
    """(name, member) of a class that it or a base of ours defines, without Keras' contract."""
    names = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("keras_seg"):
            names.update(vars(base))
    return sorted((name, member) for name, member in names.items() if name[0] != "_" and name not in _KERAS)


def lines_of(name, value):
    """One line for a function or a constant; for a class one more for each public method and property."""
    if inspect.isclass(value):
        yield f"{name}{signature(value)}"
        for key, member in own_members(value):
            if isinstance(member, property):
                yield f"{name}.{key}: property"
            elif isinstance(member, (types.FunctionType, classmethod, staticmethod)):
                yield f"{name}.{key}{signature(getattr(value, key))}"
    elif callable(value):
        yield f"{name}{signature(value)}"
    else:
        yield f"{name} = {value!r}"


def command_lines(command, name):
    """One line for each command, argument and option of the shell."""
    if isinstance(command, click.Group):
        for key in sorted(command.commands):
            yield from command_lines(command.commands[key], f"{name} {key}")
        return
    for parameter in command.params:
        spelling = "/".join([*parameter.opts, *parameter.secondary_opts])
        spelling = spelling.upper() if isinstance(parameter, click.Argument) else spelling
        yield f"{name} {spelling}: {getattr(parameter.type, 'choices', parameter.type.name)}"


def public_api():
    """All public names of the package, one a line."""
    found = []
    for name in sorted(keras_seg.__all__):
        value = getattr(keras_seg, name)
        if not inspect.ismodule(value):
            continue  # The version, which is another with every release.
        for item in sorted(value.__all__):
            member = getattr(importlib.import_module(value.__name__), item)
            if not inspect.ismodule(member):
                found += lines_of(f"{value.__name__}.{item}", member)
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main(["--version"])  # Which puts the commands in their place.
    found += command_lines(cli, "keras-seg")
    return "\n".join(found) + "\n"


@pytest.mark.tensorflow_only
def test_public_api():
    before, now = SNAPSHOT.read_text(encoding="utf-8").splitlines(), public_api().splitlines()
    changed = [line for line in difflib.unified_diff(before, now, lineterm="", n=0) if line[:3] not in ("---", "+++")]
    assert not changed, "\n".join([ADVICE, *changed])


@pytest.mark.tensorflow_only
def test_what_a_line_says():
    class Thing:
        def __init__(self, size=2, *, fill="mean"):
            pass

        def grow(self, by):
            pass

        @property
        def size(self):
            pass

        def call(self, inputs):
            pass

        def _hidden(self):
            pass

    Thing.__module__ = "keras_seg.made_up"
    assert list(lines_of("a.Thing", Thing)) == [
        "a.Thing(size=2, *, fill='mean')",
        "a.Thing.grow(self, by)",
        "a.Thing.size: property",
    ]
    assert list(lines_of("a.NAMES", ("x",))) == ["a.NAMES = ('x',)"]


if __name__ == "__main__":
    SNAPSHOT.write_text(public_api(), encoding="utf-8")
