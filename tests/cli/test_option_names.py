"""The package names arguments, the command line options."""

import ast
import pathlib

import click
import pytest

import keras_seg
from keras_seg_cli.option_names import in_options
from keras_seg_cli.options import LEVELS, LOGS, PRESETS, TASKS, IntList

pytestmark = pytest.mark.tensorflow_only

PACKAGE = pathlib.Path(keras_seg.__file__).parent


@click.command()
@click.option("--batch-size")
@click.option("--task")
@click.option("--out")
@click.option("--tile", type=IntList(sides=2))
@click.option("--format", "format_")
@click.option("--overwrite", is_flag=True)
@click.option("--components/--no-components", default=None)
@click.argument("images")
def own():
    pass


@click.command()
@click.option("--resume", is_flag=True)
@click.option("--model")
def other():
    pass


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("`batch_size` must be 1. Received: batch_size=0.", "--batch-size must be 1. Received: batch_size=0."),
        ("Replace it with `overwrite=True`.", "Replace it with --overwrite."),
        ("Pass `components=False`.", "Pass --no-components."),
        ("Drop `format`.", "Drop --format."),
        ("`run` exists already.", "--out exists already."),
        ("Trained with `task='instances'`.", "Trained with --task instances."),
        ("Pass `tile=(32, 64)`.", "Pass --tile 32x64."),
        # Of another command: advice is understood, a bare name is another argument.
        ("Continue with `resume=True`.", "Continue with --resume."),
        ("`model` must give 3 channels.", "`model` must give 3 channels."),
        # No options.
        ("`images` must be", "`images` must be"),
        ("`path` exists. Pass `check_images=False` or `overwrite=False`.",) * 2,
    ],
)
def test_arguments_become_options(message, expected):
    assert in_options(message, own, [own, other]) == expected


def test_names_are_those_of_the_package():
    from keras_seg.backbones import pyramid
    from keras_seg.training import experiment_logs, presets, tasks

    assert set(TASKS) == set(tasks.TASKS)
    assert LOGS == experiment_logs.LOGS
    assert set(PRESETS) == set(presets.PRESETS)
    assert ("all", *pyramid.LEVELS) == LEVELS


def strings(tree):
    """(line, text) of the string literals that are no docstrings, the parts of f-strings included."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def names_option(text):
    before, _, after = text.partition("--")
    return bool(after) and after[0].islower() and not before.endswith("-")


# Reports end in the commands that make them again, which are no advice to a caller of a function.
COMMANDS = {PACKAGE / "report" / name for name in ("run_page.py", "folds_page.py")}
# Their errors give the command of rasterio that corrects a raster.
COMMANDS |= {PACKAGE / "data" / "pipeline" / name for name in ("raster_pair.py", "raster_sampler.py")}


def test_no_text_of_the_package_names_an_option():
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path not in COMMANDS
        for line, text in strings(ast.parse(path.read_text(encoding="utf-8")))
        if names_option(text)
    ]
    assert found == []
    assert names_option("Start anew with --overwrite.")
