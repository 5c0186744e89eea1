"""CVAT for images 1.1."""

import re

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image

pytestmark = pytest.mark.tensorflow_only
pytest.importorskip("defusedxml")

LABELS = (
    "<meta><task><labels><label><name>road</name><color>#0a0b0c</color></label>"
    "<label><name>car</name><color>#ff0000</color></label></labels></task></meta>"
)
SQUARE = '<polygon label="{}" points="{}" z_order="{}" occluded="0"></polygon>'


def polygon(label, left, top, right, bottom, z=0):
    return SQUARE.format(label, f"{left},{top};{right},{top};{right},{bottom};{left},{bottom}", z)


def save_xml(path, shapes, *, head='<?xml version="1.0" encoding="utf-8"?>', name="sub/a.jpg", meta=LABELS):
    text = f'{head}<annotations><version>1.1</version>{meta}<image id="0" name="{name}" width="16" height="12">'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "".join(shapes) + "</image></annotations>")
    return path


@pytest.fixture
def source(tmp_path):
    save_image(tmp_path / "cvat" / "images" / "sub" / "a.jpg")
    return tmp_path / "cvat"


def test_shapes_by_z_order(source, tmp_path):
    shapes = [
        polygon("car", 0, 0, 4, 4, z=2),
        polygon("road", 0, 0, 8, 8, z=1),
        '<box label="car" xtl="10" ytl="0" xbr="14" ybr="2" z_order="0"/>',
        # Turned by a quarter around (13, 5): two wide and four high becomes four wide and two high.
        '<box label="road" xtl="12" ytl="3" xbr="14" ybr="7" rotation="90.0" z_order="0"/>',
        '<ellipse label="car" cx="2.5" cy="10.5" rx="2.2" ry="0.8" z_order="0"/>',
        # Rows of a box of 3 x 2 from (9, 9): 0 1 1 / 1 0 0.
        '<mask label="car" rle="1, 3, 2" left="9" top="9" width="3" height="2" z_order="0"/>',
        '<polyline label="car" points="0,0;5,5" z_order="9"/>',
    ]
    save_xml(source / "annotations.xml", shapes)
    report, masks, names = converted(source, tmp_path / "out")
    expected = box_mask(
        12, 16, (1, 0, 8, 0, 8), (2, 0, 4, 0, 4), (2, 0, 2, 10, 14), (1, 4, 6, 11, 15), (2, 10, 11, 1, 4)
    )
    expected[10, [0, 4]] = 2  # Centers 2 pixels away, of 2.2.
    expected[9, 10:12] = expected[10, 9] = 2
    np.testing.assert_array_equal(masks["masks/sub_a.png"], expected)
    assert names == {"names": ["background", "road", "car"]} and report.overlapping == 2
    assert report.notices == ("1 shape of type polyline has no area: left out.",)


def test_masks_that_leave_the_image_are_cut(source, tmp_path):
    save_xml(source / "annotations.xml", ['<mask label="car" rle="0, 6" left="-1" top="11" width="3" height="2"/>'])
    report, masks, _ = converted(source, tmp_path / "out")
    np.testing.assert_array_equal(masks["masks/sub_a.png"], box_mask(12, 16, (2, 11, 12, 0, 2)))
    assert report.cut == 1


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
FILE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("head", [BOMB, FILE])
def test_entities_are_refused(source, tmp_path, head):
    save_xml(source / "annotations.xml", [polygon("&a;", 0, 0, 1, 1)], head=head)
    assert refused(source, tmp_path / "out").startswith("annotations.xml: is not plain XML")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (polygon("bus", 0, 0, 1, 1), "the label 'bus' is not in the list"),
        ('<polygon label="car" points="0,0;1"/>', r"image 'sub/a.jpg': shape 1 \(polygon\): the outline"),
        ('<polygon label="car" points="0,0;1,1;nan,2"/>', "the outline holds NaN"),
        ('<mask label="car" rle="1, 2" left="0" top="0" width="3" height="2"/>', "do not add up to 6"),
        ('<mask label="car" rle="1, x" left="0" top="0" width="3" height="2"/>', "rle is not a list"),
        ('<mask label="car" rle="1" left="0" top="0" width="99999" height="99999"/>', "does not fit its image"),
        ('<box label="car" xtl="a" ytl="0" xbr="14" ybr="2"/>', "xtl is 'a'"),
        ('<box label="car" xtl="1e308" ytl="0" xbr="1.5e308" ybr="2"/>', "the outline reaches to infinity"),
        ('<blob label="car"/>', "the shape 'blob' is unknown"),
        ("<polygon", "is not plain XML"),
    ],
)
def test_wrong_shapes_are_named(source, tmp_path, shape, message):
    save_xml(source / "annotations.xml", [shape])
    assert re.search(f"^annotations.xml: .*{message}", refused(source, tmp_path / "out"))


def test_paths_that_leave_the_source(source, tmp_path):
    save_image(tmp_path / "secret.jpg")
    save_xml(source / "annotations.xml", [polygon("car", 0, 0, 1, 1)], name="../../secret.jpg")
    assert "leads out of" in refused(source, tmp_path / "out")


def two_tasks(root, first="train", second="val", **second_options):
    """Two tasks, each in a folder of its own with its image."""
    for number, folder in enumerate((first, second)):
        save_image(root / folder / "images" / f"{number}.jpg")
        options = second_options if number else {}
        shapes = options.pop("shapes", [polygon("car", 0, 0, 4, 4)])
        save_xml(root / folder / "annotations.xml", shapes, name=f"{number}.jpg", **options)
    return root


def test_a_task_per_split(tmp_path):
    """The folders were found in order of their names, and only the first one was read."""
    line = '<polyline label="car" points="0,0;5,5"/>'
    report, masks, names = converted(
        two_tasks(tmp_path / "cvat", shapes=[polygon("road", 0, 0, 4, 4), line]), tmp_path / "out"
    )
    assert list(masks) == ["train/masks/0.png", "val/masks/1.png"]
    np.testing.assert_array_equal(masks["train/masks/0.png"], box_mask(12, 16, (2, 0, 4, 0, 4)))
    np.testing.assert_array_equal(masks["val/masks/1.png"], box_mask(12, 16, (1, 0, 4, 0, 4)))
    assert names == {"names": ["background", "road", "car"]} and report.splits == {"train": 1, "val": 1}
    assert report.notices == ("1 shape of type polyline has no area: left out.",)


def test_tasks_without_a_list_of_labels_share_the_classes(tmp_path):
    root = two_tasks(tmp_path / "cvat", shapes=[polygon("bus", 0, 0, 4, 4)], meta="")
    save_xml(root / "train" / "annotations.xml", [polygon("car", 0, 0, 4, 4)], name="0.jpg", meta="")
    _, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["background", "bus", "car"]}
    assert [masks[f"{split}/masks/{number}.png"].max() for number, split in enumerate(("train", "val"))] == [2, 1]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (("one", "two"), "two/annotations.xml: one/annotations.xml holds labels of the same kind."),
        (("val", "valid"), "valid/annotations.xml: val/annotations.xml holds labels of the same kind for val."),
        (("more", "val"), "more/annotations.xml: belongs to no split, unlike the other label files."),
    ],
)
def test_no_task_is_dropped(tmp_path, second, message):
    line = refused(two_tasks(tmp_path / "cvat", *second), tmp_path / "out")
    assert line.startswith(message) and "as the source" in line


def test_tasks_of_unlike_labels(tmp_path):
    meta = LABELS.replace("road", "bus")
    line = refused(two_tasks(tmp_path / "cvat", meta=meta), tmp_path / "out")
    assert line.startswith("val/annotations.xml: has other labels than train/annotations.xml. Export both")
    assert "val/annotations.xml: has other labels" in refused(two_tasks(tmp_path / "b", meta=""), tmp_path / "out")
    line = refused(two_tasks(tmp_path / "c", shapes=[polygon("bus", 0, 0, 1, 1)]), tmp_path / "out")
    assert line.startswith("val/annotations.xml: the label 'bus' is not in the list of labels.")


@pytest.mark.parametrize(
    ("subsets", "folder", "splits"),
    [
        (("Train", "Validation"), "", {"train": 1, "val": 1}),
        (("train", "train"), "", {"": 2}),  # A task of one subset is not divided.
        (("train", "extra"), "", {"": 2}),  # Else train/ would lie beside images without a split.
        (("train", ""), "", {"": 2}),
        (("", ""), "", {"": 2}),
        (("one", "two"), "val", {"val": 2}),
        (("train", "test"), "val", {"train": 1, "test": 1}),
    ],
)
def test_subsets_are_splits_if_each_names_one(tmp_path, subsets, folder, splits):
    text = ""
    for number, subset in enumerate(subsets):
        save_image(tmp_path / "cvat" / folder / "images" / subset / f"{number}.jpg")
        shape = polygon("car", 0, 0, 4, 4)
        text += f'<image id="{number}" name="{number}.jpg" subset="{subset}" width="16" height="12">{shape}</image>'
    (tmp_path / "cvat" / folder / "annotations.xml").write_text(f"<annotations>{LABELS}{text}</annotations>")
    assert converted(tmp_path / "cvat", tmp_path / "out")[0].splits == splits
