"""docs/architecture.md says what the code does: its generated parts, its drawings, and the walks."""

import ast
import importlib.util
import pathlib

import pytest

pytestmark = pytest.mark.tensorflow_only

ROOT = pathlib.Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("architecture_figure", ROOT / "docs" / "figures" / "architecture.py")
figure = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(figure)
ADVICE = "run docs/figures/architecture.py, and look at the page"
FLOORS = {name: floor for floor, names in enumerate(figure.rows()) for name in names}


def floor(file):
    """How high a file stands; the command line is above all."""
    package, *rest = pathlib.PurePath(file).parts
    return len(FLOORS) if package == "keras_seg_cli" else FLOORS[rest[0].removesuffix(".py")]


def test_the_page_is_up_to_date():
    text = figure.PAGE.read_text(encoding="utf-8")
    assert figure.page(text) == text, ADVICE
    for name in figure.WALKS:
        drawn = (figure.PICTURES / f"{name}.svg").read_text(encoding="utf-8")
        assert drawn == figure.svg(name), ADVICE
        assert f"images/architecture/{name}.svg" in text


@pytest.mark.parametrize("name", figure.WALKS)
def test_each_step_is_there(name):
    for file, item, _ in figure.WALKS[name][1]:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        defined |= {
            t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
        }
        assert item in defined, f"{file} does not define {item}"


def imported_files(file):
    """Files of ours that a file imports from, anywhere in it, by module or by an export list."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras_seg"):
            base = ROOT / node.module.replace(".", "/")
            for alias in node.names:
                for path in (base / alias.name, base):
                    found |= {path.with_suffix(".py"), path / "__init__.py"}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("keras_seg"):
                    found.add(ROOT / alias.name.replace(".", "/") / "__init__.py")
    return {path for path in found if path.is_file()}


def reachable(file, depth=3):
    """What a file imports, through export lists too."""
    found = imported_files(file)
    for path in list(found):
        if path.name == "__init__.py" and depth:
            found |= reachable(str(path.relative_to(ROOT)), depth - 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", figure.WALKS)
def test_a_step_follows_from_an_earlier_one(name):
    steps = [file for file, _, _ in figure.WALKS[name][1]]
    for place, file in enumerate(steps[1:], start=1):
        earlier = set().union(*(reachable(step) for step in steps[:place]))
        assert ROOT / file in earlier, f"no file before {file} imports it"


def test_training_goes_one_way():
    """At most thirty files, none of them twice, and none that imports a file read before it."""
    files = [file for file, _, _ in figure.WALKS["train"][1]]
    assert len(files) <= 30 and len(set(files)) == len(files)
    for place, file in enumerate(files):
        back = {str(path.relative_to(ROOT)) for path in imported_files(file)} & set(files[:place])
        allowed = {
            f"keras_seg/training/{name}.py" for name in ("run_folder", "plan", "progress_schedule")
        }  # Types only.
        # The pipeline reads the files that the scan has found.
        allowed |= {f"keras_seg/data/index/{name}.py" for name in ("folder_index", "pairs", "reading")}
        allowed |= {"keras_seg/training/fingerprint.py"}  # Whether a run is resumed on the same data.
        allowed |= {"keras_seg_cli/start.py"}  # Its silence around the backend's messages.
        allowed |= {"keras_seg_cli/scan_ahead.py"}  # The scan takes over what was read ahead.
        assert back <= allowed, f"{file} goes back to {back}"


@pytest.mark.parametrize("name", ["loss", "export"])
def test_no_file_is_read_twice(name):
    files = [file for file, _, _ in figure.WALKS[name][1]]
    assert len(set(files)) == len(files)
