"""The examples run from beginning to end, as scripts and as notebooks, and the README's code is the library's."""

import importlib.util
import pathlib
import re
import runpy
import sys

import keras
import pytest
from PIL import Image

if keras.backend.backend() != "tensorflow":
    pytest.skip("the examples are tested once", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# Those that show how the package is extended run with `make test`, all others with `make test-all`.
QUICK = ["custom_backbone", "custom_loss"]
DATA = {"camvid": "camvid", "membrane_unet2015": "membrane"}


def examples(quick=()):
    return [pytest.param(path, id=path.stem, marks=() if path.stem in quick else pytest.mark.slow) for path in EXAMPLES]


def check_picture(folder, name):
    with Image.open(folder / f"{name}.jpg") as picture:
        assert min(picture.size) > 100


@pytest.mark.thorough
@pytest.mark.parametrize("path", examples(QUICK))
def test_script(path, tmp_path, monkeypatch, capsys, request):
    if path.stem in DATA:
        request.getfixturevalue(DATA[path.stem])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), "--quick"])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    check_picture(tmp_path, path.stem)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_script_is_short_and_shown(path):
    code = path.read_text(encoding="utf-8")
    assert code.count("\n") < 80
    assert code.startswith('"""')
    picture = ROOT / "docs" / "images" / "examples" / f"{path.stem}.jpg"
    assert 5_000 < picture.stat().st_size <= 150 * 1024
    for page, target in (("docs/examples.md", "images/examples"), ("examples/README.md", "../docs/images/examples")):
        text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
        shown = re.search(rf"!\[([^\]]*)\]\({re.escape(target)}/{path.stem}\.jpg\)", text)
        assert shown and len(shown.group(1)) > 40, f"{page} shows no picture of {path.name} with words on what is seen"
        assert path.name in text
    # Ruff once took the line for Python and put spaces into it.
    assert f'--8<-- "examples/{path.name}"' in (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")


def maker():
    """The script that makes the notebooks, as a module."""
    pytest.importorskip("jupytext")
    spec = importlib.util.spec_from_file_location("make_notebooks", ROOT / "examples" / "notebooks" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_notebooks_are_the_scripts():
    make = maker()
    import nbformat

    found = {path.stem for path in make.HERE.glob("*.ipynb")}
    assert found == {path.stem for path in EXAMPLES}, "run: python examples/notebooks/make.py"
    for path in EXAMPLES:
        book = make.notebook(path)
        nbformat.validate(book)
        written = (make.HERE / f"{path.stem}.ipynb").read_text(encoding="utf-8")
        assert written.strip() == nbformat.writes(book).strip(), f"{path.name}: run python examples/notebooks/make.py"


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_notebook(path, tmp_path, request):
    if path.stem in DATA:
        request.getfixturevalue(DATA[path.stem])
    make = maker()
    nbclient = pytest.importorskip("nbclient")
    book = make.notebook(path)
    for cell in book.cells:
        cell.source = cell.source.replace(make.NOTEBOOK, "QUICK = True")
    client = nbclient.NotebookClient(
        book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    check_picture(tmp_path, path.stem)
    assert "image/jpeg" in book.cells[-1].outputs[0].data


@pytest.mark.slow
def test_the_readme_trains_on_camvid(camvid, tmp_path, monkeypatch):
    """The README's code, with two changes: no download, and one step in place of 50 epochs."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S).group(1)
    for old, new in (
        (', weights="imagenet"', ""),
        ("model.fit(train, validation_data=val, epochs=50)", "model.fit(train.take(1), validation_data=val.take(1))"),
    ):
        assert old in code
        code = code.replace(old, new)
    (tmp_path / "camvid").symlink_to(camvid)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "segmenter.tflite").stat().st_size > 10**6
