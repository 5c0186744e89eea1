"""keras-seg convert."""

import json

import pytest
from conversion_sources import save_image, save_json
from shell import command

from keras_seg_cli.convert import FORMATS

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture
def source(tmp_path):
    save_image(tmp_path / "coco" / "a.png")
    rows = [
        {"id": n, "image_id": 1, "category_id": n, "segmentation": [[0, 0, 4 * n, 0, 4 * n, 4, 0, 4]], "iscrowd": 0}
        for n in (1, 2)
    ]
    image = {"id": 1, "file_name": "a.png", "width": 16, "height": 12}
    categories = [{"id": 1, "name": "[bold]car"}, {"id": 2, "name": "\x1b[2Jsky"}]
    save_json(tmp_path / "coco" / "x.json", {"images": [image], "annotations": rows, "categories": categories})
    return tmp_path / "coco"


def test_the_formats_are_those_of_the_package():
    from keras_seg.data.conversion.formats import registry

    assert tuple(registry.FORMATS) == FORMATS


def test_a_table_in_which_names_are_text(source, tmp_path, capsys):
    assert command("convert", source, tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "[bold]car" in printed and "\\x1b[2Jsky" in printed and "\x1b[2J" not in printed
    assert "objects that overlap" in printed and "smaller objects lie on top" in " ".join(printed.split())
    assert json.loads((tmp_path / "out" / "labels.json").read_text())["names"][1] == "[bold]car"


def test_errors_name_options(source, tmp_path, capsys):
    (source / "a.png").unlink()
    assert command("convert", source, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "--images" in error and "--allow-orphans" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    (source / "x.json").unlink()
    assert command("convert", source, tmp_path / "out") == 2
    assert "no known format" in capsys.readouterr().err
