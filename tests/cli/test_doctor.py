"""keras-seg doctor: exit status, files, and the hint of train."""

import json

import numpy as np
import pytest
from PIL import Image
from shell import command, refusal

import keras_seg as ks
from keras_seg_cli import console

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture
def folder(tmp_path):
    """Six good pairs."""
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / "d[red]" / kind).mkdir(parents=True)
    for name in "abcdef":
        mask = np.kron(rng.integers(0, 2, (4, 4)), np.ones((16, 16))).astype(np.uint8)
        image = np.stack([60 + 100 * mask + rng.integers(0, 9, (64, 64))] * 3, -1).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / "d[red]" / "images" / f"{name}.png")
        Image.fromarray(mask).save(tmp_path / "d[red]" / "masks" / f"{name}.png")
    return tmp_path / "d[red]"


def test_status_of_good_and_bad(folder, capsys, monkeypatch):
    monkeypatch.setattr(console.console, "_width", 80)
    assert command("doctor", folder) == 0
    (folder / "masks" / "a.png").unlink()
    assert command("doctor", folder) == 2
    out = capsys.readouterr().out
    assert "1 image without mask" in out and "images/a.png" in out and "[red]" in out
    assert max(map(len, out.splitlines())) <= 80


def test_files_and_repair(folder, tmp_path, capsys):
    (folder / "masks" / "a.png").unlink()
    out = tmp_path / "clean"
    files = ("--html", tmp_path / "page.html", "--json", tmp_path / "found.json")
    assert command("doctor", folder, "--repair", out, *files) == 0
    assert json.loads((tmp_path / "found.json").read_text())["status"] == 2
    assert Image.open(tmp_path / "page.html-sheet.png").width > 100
    assert len(ks.data.scan_folder(out)) == 5
    assert command("doctor", folder, "--repair", out) == 2  # Which exists now.
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--html", "--json"])
def test_pictures_of_others_stay(folder, tmp_path, option):
    """Beside cats.json there may well be a cats.png."""
    for name in ("cats.png", "cats-sheet.png"):
        (tmp_path / name).write_bytes(b"a cat")
    for _ in range(2):  # The second time, the sheet of the first is replaced.
        assert command("doctor", folder, option, tmp_path / "cats.json") == 0
    assert (tmp_path / "cats.png").read_bytes() == (tmp_path / "cats-sheet.png").read_bytes() == b"a cat"
    assert Image.open(tmp_path / "cats.json-sheet.png").width > 100
    names = {"cats.json", "cats.json-sheet.png", "cats-sheet.png", "cats.png", folder.name}
    assert {item.name for item in tmp_path.iterdir()} == names


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "DATA", "--html"),
        ("doctor", "DATA", "--json"),
        ("plan", "DATA", "--json"),
        ("evaluate", "run", "DATA", "--json"),
        ("benchmark", "run", "--json"),
        ("compare", "run", "run", "--json"),
        ("compare", "run", "run", "--html"),
    ],
)
def test_a_folder_is_no_file_to_write(folder, tmp_path, capsys, words):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "thesis.tex").write_text("five years")
    arguments = [folder if word == "DATA" else word for word in words]
    line = refusal(capsys, *arguments, tmp_path / "reports")
    assert words[-1] in line
    assert line.endswith(f"{tmp_path / 'reports'}: is a folder, and a file is written. Give the path of a file.")
    assert (tmp_path / "reports" / "thesis.tex").read_text() == "five years"


def test_train_names_the_doctor(folder, tmp_path, capsys):
    (folder / "masks" / "a.png").unlink()
    assert command("train", folder, "--out", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert f"Run `keras-seg doctor '{folder}'` to see everything at once." in error and error.count("\n") == 1


def test_objects_and_lists(folder, tmp_path, capsys):
    for mask in list((folder / "masks").iterdir()):
        (folder / "masks" / mask.stem).mkdir()
        mask.rename(folder / "masks" / mask.stem / "1.png")
    assert command("doctor", folder, "--task", "instances") == 0
    assert command("doctor", folder / "images", "--masks", folder / "masks", "--task", "instances") == 0
    assert command("doctor", folder, "--task", "semantic") == 2
    assert "several masks of one image" in " ".join(capsys.readouterr().out.split())


def test_train_prints_warnings_before_the_plan(folder, tmp_path, capsys):
    (folder / "images" / "g.png").write_bytes((folder / "images" / "a.png").read_bytes())
    (folder / "masks" / "g.png").write_bytes((folder / "masks" / "a.png").read_bytes())
    assert command("plan", folder) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Warning: 1 image" in out and out.index("Warning:") < out.index("because")


def test_train_stops_where_nothing_can_be_learned(folder, tmp_path, capsys):
    for mask in (folder / "masks").iterdir():
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(mask)
    (folder / "labels.json").write_text('{"names": ["ground", "object"]}')
    assert command("train", folder, "--out", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "the same single label" in error and "keras-seg doctor" in error and error.count("\n") == 1
    assert command("doctor", folder) == 2
