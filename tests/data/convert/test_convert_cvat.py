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
