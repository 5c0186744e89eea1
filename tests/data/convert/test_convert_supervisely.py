"""Supervisely's projects."""

import base64
import io
import re
import zlib

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image, save_json, save_mask
from PIL import Image

from keras_seg.data import scan_instances

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


def test_data_sets_in_data_sets(tmp_path):
    """They lie in a folder datasets/ of the outer one, and were left out without a word."""
    objects = [polygon("car", box(0, 0, 8, 8))]
    root = project(project(tmp_path / "sv", objects, "fruit"), objects, "fruit/datasets/apple")
    project(root, objects, "fruit/datasets/apple/datasets/red")
    project(root, objects, "nuts/datasets/red")  # Nothing lies in nuts/ itself.
    report, masks, _ = converted(root, tmp_path / "out")
    names = ["fruit_a", "fruit_apple_a", "fruit_apple_red_a", "nuts_red_a"]
    assert list(masks) == [f"masks/{name}.png" for name in names] and report.splits == {"": 4}
    assert all((mask == box_mask(12, 16, (1, 0, 8, 0, 8))).all() for mask in masks.values())


def test_data_sets_in_splits(tmp_path):
    root = tmp_path / "sv"
    for folder in ("train/datasets/red", "train/datasets/green", "val"):
        project(root, [], folder)
    names = ["train/masks/green_a.png", "train/masks/red_a.png", "val/masks/a.png"]
    assert list(converted(root, tmp_path / "out")[1]) == names


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


# Export as masks

COLORS = {"car": [1, 1, 1], "sky": [2, 2, 2]}
IDS = box_mask(12, 16, (1, 0, 8, 0, 8), (2, 2, 4, 2, 4))


def masks_project(root, folder="ds", *, kind="masks_machine", name="a.png", paint=None):
    save_image(root / folder / "img" / "a.jpg")
    mask = np.repeat(IDS[..., None], 3, -1) if paint is None else np.array(paint)[IDS]
    save_mask(root / folder / kind / name, mask.astype("uint8"))
    save_json(root / "obj_class_to_machine_color.json", COLORS)
    return root


@pytest.mark.parametrize("name", ["a.png", "a.jpg.png"])
def test_machine_masks(tmp_path, name):
    root = masks_project(tmp_path / "sv", name=name)
    save_image(root / "ds" / "img" / "more.jpg")
    # For eyes: blended with the image, and twice as wide.
    save_image(root / "ds" / "masks_human" / "a.png", 12, 32)
    report, masks, names = converted(root, tmp_path / "out")
    assert report.format == "supervisely-masks" and report.left_out == ("ds/img/more.jpg",)
    assert names == {"names": ["background", "car", "sky"]}
    np.testing.assert_array_equal(masks["masks/a.png"], IDS)
    assert "does not tell objects apart" in refused(root, tmp_path / "out2", task="instances")


def test_machine_masks_of_one_channel_and_splits(tmp_path):
    root = masks_project(tmp_path / "sv", "train")
    save_image(root / "val" / "img" / "b.png")
    save_mask(root / "val" / "masks_machine" / "b.png", IDS)
    save_json(root / "obj_class_to_machine_color.json", {"car": 1, "sky": 2})
    masks = converted(root, tmp_path / "out")[1]
    assert list(masks) == ["train/masks/a.png", "val/masks/b.png"]
    np.testing.assert_array_equal(masks["val/masks/b.png"], IDS)


def test_objects_of_masks(tmp_path):
    root = masks_project(tmp_path / "sv")
    for number, box in enumerate([(1, 0, 8, 0, 8), (1, 2, 4, 2, 4)]):
        save_mask(root / "ds" / "masks_instances" / "a.jpg" / f"car_{number}.png", 255 * box_mask(12, 16, box))
    converted(root, tmp_path / "out", task="instances")
    index = scan_instances(tmp_path / "out", components=False)
    # The smaller one lies on top.
    np.testing.assert_array_equal(index.read_labels(0), IDS)


def test_annotations_are_read_before_masks(tmp_path):
    root = masks_project(project(tmp_path / "sv", [polygon("car", box(0, 0, 8, 8))]))
    assert converted(root, tmp_path / "out")[0].format == "supervisely"


def test_human_masks_without_machine_masks(tmp_path):
    root = masks_project(tmp_path / "sv", kind="masks_human", paint=[(0, 0, 0), (255, 0, 9), (7, 8, 9)])
    save_json(
        root / "meta.json", {"classes": [{"title": "car", "color": "#FF0009"}, {"title": "sky", "color": "#070809"}]}
    )
    np.testing.assert_array_equal(converted(root, tmp_path / "out")[1]["masks/a.png"], IDS)
    save_image(root / "ds" / "masks_human" / "a.png")
    assert "export masks_machine/ too" in refused(root, tmp_path / "out2")


@pytest.mark.parametrize(
    ("colors", "message"),
    [
        ({"car": [1, 1, 1]}, r"the color \(2, 2, 2\) is not in the list of classes"),
        ({"car": [1, 1, 1], "sky": [1, 1, 1]}, "belongs to another class too"),
        ({"car": [0, 0, 0], "sky": [2, 2, 2]}, "'car' is black"),
        ({"car": "__all__"}, "the color of 'car' is '__all__'"),
        ({"car": [1, 1]}, "not a color of three numbers"),
        ([], "must hold a color per class"),
    ],
)
def test_wrong_colors_of_masks(tmp_path, colors, message):
    root = masks_project(tmp_path / "sv")
    save_json(root / "obj_class_to_machine_color.json", colors)
    assert re.search(message, refused(root, tmp_path / "out"))


def test_masks_without_colors(tmp_path):
    root = masks_project(tmp_path / "sv")
    save_image(root / "ds" / "masks_human" / "a.png")
    (root / "obj_class_to_machine_color.json").unlink()
    assert "its colors have no names" in refused(root, tmp_path / "out")
