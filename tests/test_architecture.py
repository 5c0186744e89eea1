"""The order of the packages, and the completeness of their export lists."""

import ast
import importlib
import importlib.util
import pathlib

import pytest

import keras_seg

ROOT = pathlib.Path(keras_seg.__file__).parent

# Low to high: a package may import what stands in a row before its own.
ROWS = [
    ["_philox", "_types", "_validation", "_version"],
    [
        "_decoding",
        "_export_report",
        "_files",
        "_graph",
        "_memory",
        "_ops",
        "_labels",
        "_progress",
        "_remote_files",
        "_text",
    ],
    ["_page", "_tensorflow_memory", "initializers", "optimizers", "visualization"],
    ["layers", "losses", "metrics", "augmentation"],
    ["analysis"],
    ["backbones", "surgery", "data"],
    ["models"],
    ["inference"],
    ["evaluation"],
    ["report"],
    ["export", "compat"],
    ["training"],
    ["scale"],
]
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}


def imported(path):
    """The packages of ours that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "keras_seg":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras_seg."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("keras_seg."))


def files():
    return [
        path for path in ROOT.rglob("*.py") if path.name not in ("__init__.py", "__main__.py") or path.parent != ROOT
    ]


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imported(path):
        assert name == own or RANK[name] < RANK[own], f"{path} imports keras_seg.{name}, which is not below {own}"


@pytest.mark.tensorflow_only
def test_every_package_has_a_row():
    packages = {path.name for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert packages <= set(RANK)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", [name for name in RANK if name[0] != "_" and name != "compat"])
def test_export_lists_are_complete(name):
    module = importlib.import_module(f"keras_seg.{name}")
    objects = {
        key for key, value in vars(module).items() if not key.startswith("_") and not isinstance(value, type(ast))
    }
    assert objects <= set(module.__all__)
    assert name in keras_seg.__all__
    for item in module.__all__:
        assert getattr(module, item).__doc__, f"{name}.{item} has no docstring"


@pytest.mark.tensorflow_only
def test_the_picture_is_drawn_from_this_code():
    docs = ROOT.parent / "docs"
    spec = importlib.util.spec_from_file_location("imports_figure", docs / "figures" / "imports.py")
    figure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figure)
    graph = figure.imports(ROOT)
    for path in files():
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        assert set(imported(path)) - {own} <= set(graph[own])
    drawn = (docs / "images" / "imports.svg").read_text(encoding="utf-8")
    assert drawn == figure.svg(graph), "imports have changed: run docs/figures/imports.py, and look at it"
