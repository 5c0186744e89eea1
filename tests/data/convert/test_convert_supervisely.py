"""Supervisely's projects."""

import base64
import io
import re
import zlib

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image, save_json
from PIL import Image

pytestmark = pytest.mark.tensorflow_only


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def polygon(title, exterior, *interior):
    return {
        "classTitle": title,
        "geometryType": "polygon",
        "points": {"exterior": exterior, "interior": list(interior)},
    }


def bitmap(title, inside, origin, mode):
    stream = io.BytesIO()
    alpha = Image.fromarray(inside.astype("uint8") * 255)
    image = Image.merge("RGBA", [Image.new("L", alpha.size, 255)] * 3 + [alpha]) if mode == "RGBA" else alpha
    image.save(stream, "PNG")
    data = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    return {"classTitle": title, "geometryType": "bitmap", "bitmap": {"data": data, "origin": origin}}


def project(root, objects, folder="ds"):
    save_image(root / folder / "img" / "a.jpg")
    save_json(root / folder / "ann" / "a.jpg.json", {"size": {"height": 12, "width": 16}, "objects": objects})
    save_json(root / "meta.json", {"classes": [{"title": "car", "shape": "any"}, {"title": "sky", "shape": "any"}]})
    return root


@pytest.mark.parametrize("mode", ["RGBA", "L"])
def test_holes_bitmaps_and_order(tmp_path, mode):
    inside = np.array([[1, 0], [1, 1]], bool)
    line = {"classTitle": "car", "geometryType": "line", "points": {"exterior": [[0, 0], [1, 1]], "interior": []}}
    objects = [
        polygon("car", box(0, 0, 8, 8), box(2, 2, 4, 4)),
        bitmap("sky", inside, [6, 6], mode),
        bitmap("sky", inside, [15, 11], mode),
        line,
    ]
    report, masks, names = converted(project(tmp_path / "sv", objects), tmp_path / "out")
    expected = box_mask(12, 16, (1, 0, 8, 0, 8), (0, 2, 4, 2, 4))
    expected[6:8, 6:8][inside] = 2
    expected[11, 15] = 2
    np.testing.assert_array_equal(masks["masks/a.png"], expected)
    assert names == {"names": ["background", "car", "sky"]} and report.cut == 1 and report.overlapping == 2
    assert report.notices == ("1 shape of type line has no area: left out.",)


def test_folders_are_splits_or_part_of_the_name(tmp_path):
    root = project(project(tmp_path / "sv", [], "train"), [], "val")
    assert list(converted(root, tmp_path / "out")[1]) == ["train/masks/a.png", "val/masks/a.png"]
    project(root, [], "more")
    masks = converted(root, tmp_path / "out2")[1]
    assert list(masks) == ["masks/more_a.png", "masks/train_a.png", "masks/val_a.png"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (polygon("bus", box(0, 0, 1, 1)), "object 1: the class 'bus'"),
        ({"geometryType": "blob"}, "object 1: the type 'blob'"),
        ({**polygon("car", []), "points": None}, "object 1: has no points"),
        (
            {"classTitle": "car", "geometryType": "bitmap", "bitmap": {"data": "eJw=", "origin": [0, 0]}},
            "object 1: the b",
        ),
        ({"classTitle": "car", "geometryType": "bitmap"}, "object 1: the bitmap"),
    ],
)
def test_wrong_objects_are_named(tmp_path, wrong, message):
    found = refused(project(tmp_path / "sv", [wrong]), tmp_path / "out")
    assert re.search(f"^ds/ann/a.jpg.json: {message}", found)
