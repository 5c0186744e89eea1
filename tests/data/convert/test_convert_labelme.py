"""LabelMe's JSON files."""

import base64
import io

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image, save_json
from PIL import Image

from keras_seg.data import scan_instances

pytestmark = pytest.mark.tensorflow_only


def shape(label, points, kind="polygon", **more):
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def save_labels(path, shapes, **more):
    content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "a.png", "imageData": None}
    return save_json(path, {**content, "imageHeight": 12, "imageWidth": 16, **more})


@pytest.fixture
def source(tmp_path):
    save_image(tmp_path / "lm" / "a.png")
    return tmp_path / "lm"


def test_later_shapes_lie_on_top(source, tmp_path):
    inside = np.array([[0, 1, 1], [1, 1, 0]], bool)
    stream = io.BytesIO()
    Image.fromarray(inside).save(stream, "PNG")
    shapes = [
        shape("cat", box(0, 0, 4, 4)),
        shape("dog", [[8, 6], [2, 2]], "rectangle"),  # Any two opposite corners.
        shape("cat", [[12.5, 6.5], [13.7, 6.5]], "circle"),
        shape("cat", [[0, 0], [9, 9]], "line"),
        shape("ant", [[5, 9], [7, 10]], "mask", mask=base64.b64encode(stream.getvalue()).decode()),
        shape("__ignore__", box(0, 11, 16, 12)),
    ]
    save_labels(source / "a.json", shapes)
    save_image(source / "b.png")
    report, masks, names = converted(source, tmp_path / "out")
    circle = (2, 5, 8, 12, 13), (2, 6, 7, 11, 14)
    expected = box_mask(12, 16, (2, 0, 4, 0, 4), (3, 2, 6, 2, 8), *circle, (255, 11, 12, 0, 16))
    expected[9:11, 5:8][inside] = 1
    np.testing.assert_array_equal(masks["masks/a.png"], expected)
    assert names == {"names": ["background", "ant", "cat", "dog"], "ignore_class": 255}
    assert report.left_out == ("b.png",) and report.overlapping == 2
    assert report.notices == ("1 shape of type line has no area: left out.",)


def test_shapes_of_a_group_are_one_object(source, tmp_path):
    shapes = [
        shape("cat", box(0, 0, 2, 2), group_id=1),
        shape("cat", box(4, 4, 6, 6)),
        shape("cat", box(8, 0, 9, 2), group_id=1),
    ]
    save_labels(source / "a.json", shapes)
    converted(source, tmp_path / "out", task="instances")
    index = scan_instances(tmp_path / "out", components=False)
    np.testing.assert_array_equal(
        index.read_labels(0), box_mask(12, 16, (1, 4, 6, 4, 6), (2, 0, 2, 0, 2), (2, 0, 2, 8, 9))
    )


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train", "val"), {"train": 2, "val": 1}),
        (("train/seq1", "val/seq2"), {"train": 2, "val": 1}),
        (("train/cats/seq1", "valid"), {"train": 2, "val": 1}),
        (("photos/train", "photos/test/seq2"), {"train": 2, "test": 1}),
        (("car", "train"), {"": 3}),  # Things, of which one has the name of a split.
        ((".", "val"), {"": 3}),
    ],
)
def test_splits_are_folders_above_every_file(tmp_path, folders, splits):
    for name, folder in (("a", folders[0]), ("b", folders[0]), ("c", folders[1])):
        save_image(tmp_path / "lm" / folder / f"{name}.png")
        save_labels(tmp_path / "lm" / folder / f"{name}.json", [shape("cat", box(0, 0, 2, 2))], imagePath=f"{name}.png")
    report, masks, _ = converted(tmp_path / "lm", tmp_path / "out")
    assert report.splits == splits and len(masks) == 3
    # The folder of the source itself, and that of a single file, say nothing.
    report, _, _ = converted(tmp_path / "lm" / folders[1] / "c.json", tmp_path / "single")
    assert report.splits == {"": 1}


@pytest.mark.parametrize("name", ["C:\\Users\\me\\a.png", "/home/me/a.png", "..\\photos\\a.png", "a.png", "b.jpg"])
def test_paths_of_another_computer(source, tmp_path, name):
    save_labels(source / "a.json", [shape("cat", box(0, 0, 2, 2))], imagePath=name)
    if name.startswith(".."):
        (tmp_path / "photos").mkdir()
        assert "leads out of" in refused(source, tmp_path / "out")
        return
    _, masks, _ = converted(source, tmp_path / "out")
    assert masks["masks/a.png"].sum() == 4


def test_the_list_of_labels_gives_the_order(source, tmp_path):
    save_labels(source / "a.json", [shape("cat", box(0, 0, 2, 2))])
    (source / "labels.txt").write_text("__ignore__\n_background_\ndog\ncat\n")
    _, masks, names = converted(source, tmp_path / "out")
    assert names["names"] == ["background", "dog", "cat"] and masks["masks/a.png"].sum() == 8
    (source / "labels.txt").write_text("dog\n")
    assert "labels.txt: does not list the label 'cat'" in refused(source, tmp_path / "out2")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label": None}, "shape 1: has no label"),
        ({"shape_type": "star"}, "shape 1: the type 'star'"),
        ({"shape_type": "circle"}, "shape 1: a circle has two points"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "###"}, "shape 1: the mask is not a PNG"),
        ({"points": [[0], [1]]}, "shape 1: the outline"),
    ],
)
def test_wrong_shapes_are_named(source, tmp_path, wrong, message):
    save_labels(source / "a.json", [{**shape("cat", box(0, 0, 2, 2)), **wrong}])
    assert refused(source, tmp_path / "out").startswith(f"a.json: {message}")
