"""From the export of a label tool to a trained model, with commands only."""

import shlex

import pytest
from conversion_sources import save_image, save_json
from shell import command

pytestmark = pytest.mark.tensorflow_only

SIZE = 32
TRAIN = ("--epochs", 1, "--batch-size", 2, "--crop", "32x32")
CORNERS = [[4, 4], [20, 4], [20, 20], [4, 20]]


def coco(root):
    images, rows = [], []
    for number in range(6):
        save_image(root / "images" / f"{number}.jpg", SIZE, SIZE, seed=number)
        images.append({"id": number, "file_name": f"{number}.jpg", "width": SIZE, "height": SIZE})
        outline = [value for corner in CORNERS for value in corner]
        rows.append({"id": number, "image_id": number, "category_id": 3, "segmentation": [outline], "iscrowd": 0})
    content = {"images": images, "annotations": rows, "categories": [{"id": 3, "name": "car"}]}
    save_json(root / "annotations" / "instances.json", content)


def labelme(root):
    for number in range(6):
        save_image(root / f"{number}.jpg", SIZE, SIZE, seed=number)
        shape = {"label": "car", "points": CORNERS, "shape_type": "polygon", "group_id": None}
        content = {"shapes": [shape], "imagePath": f"{number}.jpg", "imageHeight": SIZE, "imageWidth": SIZE}
        save_json(root / f"{number}.json", content)


@pytest.mark.parametrize("write", [coco, labelme])
def test_the_error_of_train_leads_to_training(tmp_path, capsys, monkeypatch, write):
    root = tmp_path / "my export"
    write(root)
    monkeypatch.chdir(tmp_path)
    lines = set()
    for arguments in (["train", "--out", "run"], ["plan"], ["doctor"]):
        assert command(arguments[0], "my export", *arguments[1:]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "doctor" not in error
        lines.add(error.split("`")[1])
    assert lines == {"keras-seg convert 'my export' 'my export_converted'"}
    assert command(*shlex.split(lines.pop())[1:]) == 0
    assert "my export_converted" in capsys.readouterr().out
    assert command("train", "my export_converted", "--out", "run", *TRAIN) == 0
    assert (tmp_path / "run" / "model.keras").exists()
