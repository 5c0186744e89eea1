"""The public API is what tests/public_api.txt says: a name or a default that changes is seen in review.

Renew it with `python tests/test_public_api.py`.
"""

import contextlib
import difflib
import inspect
import io
import pathlib
import re
import types

import click
import keras
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
    bare = [
        parameter.replace(annotation=parameter.empty) for name, parameter in found.parameters.items() if name[0] != "_"
    ]
    text = str(found.replace(parameters=bare, return_annotation=found.empty))
    # Neither addresses nor paths, which differ from machine to machine.
    return re.sub(r"<(?:function|module) '?(\w+)'? [^>]*>", r"\1", text)


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


def public_members(module=keras_seg):
    """(dotted name, object) of everything in export lists, those of modules that are exported included."""
    for name in sorted(module.__all__):
        member = getattr(module, name)
        if inspect.ismodule(member):
            yield from public_members(member)
        elif name != "__version__":  # Which is another with every release.
            yield f"{module.__name__}.{name}", member


def public_functions():
    """(dotted name, function) of every public function, constructor and method of ours."""
    for name, member in public_members():
        if inspect.isclass(member):
            if "__init__" in vars(member):
                yield name, member.__init__
            for key, value in own_members(member):
                if isinstance(value, property):
                    yield f"{name}.{key}", value.fget
                elif isinstance(value, (types.FunctionType, classmethod, staticmethod)):
                    yield f"{name}.{key}", getattr(value, "__func__", value)
        elif callable(member):
            yield name, member


def public_api():
    """All public names of the package, one per line."""
    found = []
    for name, member in public_members():
        found += lines_of(name, member)
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main(["--version"])  # Which puts the commands in their place.
    found += command_lines(cli, "keras-seg")
    return "\n".join(found) + "\n"


@pytest.mark.tensorflow_only
def test_public_api():
    before, now = SNAPSHOT.read_text(encoding="utf-8").splitlines(), public_api().splitlines()
    changed = [line for line in difflib.unified_diff(before, now, lineterm="", n=0) if line[:3] not in ("---", "+++")]
    assert not changed, "\n".join([ADVICE, *changed])


# Arguments that a function hands on to whatever it builds.
_OPEN_ENDED = {"keras_seg.models.build", "keras_seg.optimizers.KernelDecayAdamW"}


@pytest.mark.tensorflow_only
def test_the_data_is_positional_and_nothing_else():
    """At most three arguments by position; swapping two of the others must be an error."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    for name, function in public_functions():
        if name in _OPEN_ENDED:
            continue
        given = [p for p in inspect.signature(function).parameters.values() if p.name not in ("self", "cls")]
        assert sum(p.kind in positional for p in given) <= 3, f"{name} takes too many arguments by position"
        for p in given:
            assert p.kind not in positional or not isinstance(p.default, bool), f"{name}: {p.name} by keyword only"


@pytest.mark.tensorflow_only
def test_signatures_say_what_they_take():
    """No **arguments, except those that Keras' own layers have (name, dtype, trainable)."""
    for name, function in public_functions():
        open_ended = [p.name for p in inspect.signature(function).parameters.values() if p.kind == p.VAR_KEYWORD]
        owner = getattr(keras_seg, name.split(".")[1])
        layer = isinstance(getattr(owner, name.split(".")[2], None), type) and issubclass(
            getattr(owner, name.split(".")[2]), (keras.layers.Layer, keras.optimizers.Optimizer)
        )
        assert not open_ended or name in _OPEN_ENDED or layer, f"{name} takes **{open_ended[0]}"


@pytest.mark.tensorflow_only
def test_signatures_are_typed():
    for name, function in public_functions():
        if name == "keras_seg.optimizers.KernelDecayAdamW":
            continue
        found = inspect.signature(function)
        bare = [p.name for p in found.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")]
        assert not bare, f"{name}: {', '.join(bare)} have no type"
        assert found.return_annotation is not found.empty, f"{name} does not say what it returns"


# The order of the arguments that a family shares; CONTRIBUTING.md says the same.
ORDERS = {
    "losses": "from_logits ignore_class class_weights label_smoothing per_image absent smooth mode reduction name "
    "dtype",
    "metrics": "name dtype ignore_class from_logits threshold class_names per_class out_of_range",
    "models": "input_shape backbone weights backbone_trainable aux dropout activation include_preprocessing "
    "pad_to_stride name",
    "export": "input_size batch_size input output quantize representative images masks ignore_class class_names "
    "colors overwrite",
    "data": "split num_classes ignore_class class_names label_map colors channels batch_size augment image_size "
    "shuffle seed cache repeat first_epoch first_step steps_per_epoch workers use_multiprocessing loader "
    "allow_orphans check_images",
}


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("family", ORDERS)
def test_a_family_has_one_order(family):
    order = ORDERS[family].split()
    for name, function in public_functions():
        if name.split(".")[1] != family or name == "keras_seg.models.build" or name.endswith("Index"):
            continue  # The fields of an index are those of its base, then its own.
        keywords = [p.name for p in inspect.signature(function).parameters.values() if p.kind == p.KEYWORD_ONLY]
        shared = [key for key in keywords if key in order]
        assert shared == sorted(shared, key=order.index), f"{name} has another order: {', '.join(shared)}"


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
