"""Plain folders: any names, several masks of one image, masks of another size."""

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image, save_json, save_mask

from keras_seg.data import scan_instances

pytestmark = pytest.mark.tensorflow_only

LEFT = box_mask(12, 16, (1, 0, 12, 0, 4))
RIGHT = box_mask(12, 16, (1, 0, 12, 10, 16))


def test_names_and_sizes(tmp_path):
    root = tmp_path / "d"
    for name, scale in (("one", 1), ("two", 2)):
        save_image(root / "Training_Images" / f"{name}.jpg")
        mask = (LEFT + 2 * RIGHT).repeat(scale, 0).repeat(scale, 1)
        save_mask(root / "Ground_Truth" / f"{name}_annotation.png", mask)
    save_image(root / "Training_Images" / "three.jpg")
    report, masks, names = converted(root, tmp_path / "out")
    np.testing.assert_array_equal(masks["masks/two.png"], LEFT + 2 * RIGHT)
    assert report.resized == ("two.jpg (24x32 to 12x16)",) and report.format == "folders"
    assert names["names"] == ["class_0", "class_1", "class_2"] and any("three.jpg" in line for line in report.notices)
    save_mask(root / "Ground_Truth" / "two_annotation.png", np.zeros((12, 12)))
    assert "the labels are of an image of 12x12" in refused(root, tmp_path / "out2")


def test_colors_and_names_of_the_label_file(tmp_path):
    root = tmp_path / "d"
    save_image(root / "images" / "a.jpg")
    save_mask(root / "masks" / "a.png", np.array([(0, 0, 0), (255, 0, 0), (9, 9, 9)], "uint8")[LEFT + 2 * RIGHT])
    content = {"names": ["no", "yes", "void"], "colors": [[0, 0, 0], [255, 0, 0], [9, 9, 9]]}
    save_json(root / "labels.json", content)
    _, masks, names = converted(root, tmp_path / "out")
    assert names["names"] == ["no", "yes", "void"]
    np.testing.assert_array_equal(masks["masks/a.png"], LEFT + 2 * RIGHT)


def test_ignored_pixels(tmp_path):
    root = tmp_path / "d"
    for split in ("train", "val"):
        save_image(root / split / "images" / "a.jpg")
        save_mask(root / split / "masks" / "a.png", LEFT + 2 * RIGHT)
    save_json(root / "labels.json", {"names": ["no", "yes"], "ignore_class": 2})
    report, masks, names = converted(root, tmp_path / "out")
    np.testing.assert_array_equal(masks["val/masks/a.png"], LEFT + 255 * RIGHT)
    assert names == {"names": ["no", "yes"], "ignore_class": 255} and report.splits == {"train": 1, "val": 1}


@pytest.mark.parametrize("layout", ["masks/a_1.png masks/a_2.png", "masks/a/1.png masks/a/2.png"])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_file_per_object(tmp_path, layout, scale):
    root = tmp_path / "d"
    save_image(root / "images" / "a.png")
    for name, mask in zip(layout.split(), (LEFT, RIGHT + LEFT), strict=True):
        save_mask(root / name, 255 * mask.repeat(scale, 0).repeat(scale, 1))
    report, masks, names = converted(root, tmp_path / "out", task="instances")
    np.testing.assert_array_equal(masks["masks/a.png"], LEFT + RIGHT)
    assert names["names"] == ["background", "object"] and report.objects == (0, 2)
    assert (report.overlapping, report.hidden, len(report.resized)) == (2, 1, scale - 1)
    assert scan_instances(tmp_path / "out", components=False).object_counts.tolist() == [1]


def test_a_file_per_class(tmp_path):
    root = tmp_path / "d"
    for name in ("img_1", "img_10"):
        save_image(root / "images" / f"{name}.png")
        save_mask(root / "masks" / f"{name}_car.png", LEFT)
        save_mask(root / "masks" / f"{name}_road_mask.png", 255 * RIGHT)
    _, masks, names = converted(root, tmp_path / "out")
    assert names["names"] == ["background", "car", "road"] and len(masks) == 2
    np.testing.assert_array_equal(masks["masks/img_10.png"], LEFT + 2 * RIGHT)
    save_mask(root / "masks" / "img_1_car.png", LEFT + 2 * RIGHT)
    assert "img_1_car.png: holds 3 values" in refused(root, tmp_path / "out2")


def test_two_readings(tmp_path):
    root = tmp_path / "d"
    for folder in ("a", "b"):
        save_image(root / folder / "1.png", seed=len(folder))
    assert "may be (a/, b/) or (b/, a/)" in refused(root, tmp_path / "out")


def test_masks_in_folders_and_in_files(tmp_path):
    root = tmp_path / "d"
    for name in ("a", "b"):
        save_image(root / "images" / f"{name}.png", seed=ord(name))
    save_mask(root / "masks" / "a" / "1.png", 255 * LEFT)
    save_mask(root / "masks" / "a" / "2.png", 255 * RIGHT)
    save_mask(root / "masks" / "b.png", 255 * LEFT)
    assert "holds folders (a) and files (b.png)" in refused(root, tmp_path / "out")


CLASS_FOLDERS = {
    "": "images masks",
    "in the split": "train/images train/masks val/images val/masks",
    "split below": "images/train masks/train images/val masks/val",
    "other names": "Training_Images Ground_Truth",
}


@pytest.mark.parametrize("places", CLASS_FOLDERS.values(), ids=CLASS_FOLDERS)
def test_a_folder_per_class(tmp_path, places):
    root = tmp_path / "d"
    for images, masks in zip(places.split()[::2], places.split()[1::2], strict=True):
        save_image(root / images / "a.jpg")
        save_image(root / images / "b[1].jpg", seed=1)
        save_image(root / images / "none.jpg", seed=2)
        # A class may have the name of a split.
        last = "train" if masks != "Ground_Truth" else "zebra"
        save_mask(root / masks / last / "a_mask.png", 255 * LEFT)
        save_mask(root / masks / "cat" / "a.png", np.maximum(RIGHT, box_mask(12, 16, (1, 0, 3, 0, 16))))
        save_mask(root / masks / "background" / "a.png", np.ones((12, 16)))
        save_mask(root / masks / "cat" / "b[1].png", RIGHT)
        save_mask(root / masks / "cat" / "lone.png", RIGHT)
    report, masks, names = converted(root, tmp_path / "out")
    assert names["names"] == ["background", "cat", last]
    first, second = (masks[key] for key in sorted(masks)[:2])
    expected = np.maximum(RIGHT, 2 * LEFT)
    expected[:3] = np.maximum(expected[:3], 1)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, RIGHT)
    divided = len(places.split()) // 2
    assert report.overlapping == 3 * divided and "later files" in report.rule
    assert len(report.left_out) == 2 * divided and {name.split("/")[-1] for name in report.left_out} == {
        "none.jpg",
        "lone.png",
    }
    assert "does not tell objects apart" in refused(root, tmp_path / "out2", task="instances")


def test_a_folder_per_class_with_a_file_per_object(tmp_path):
    root = tmp_path / "d"
    save_image(root / "images" / "a.png")
    for name, mask in (("cat/a_1", LEFT), ("cat/a_2", RIGHT), ("dog/a_1", box_mask(12, 16, (1, 5, 7, 6, 9)))):
        save_mask(root / "masks" / f"{name}.png", 255 * mask)
    report, masks, _ = converted(root, tmp_path / "out", task="instances")
    np.testing.assert_array_equal(masks["masks/a.png"], LEFT + RIGHT + 2 * box_mask(12, 16, (1, 5, 7, 6, 9)))
    assert report.objects == (0, 2, 1)
    assert scan_instances(tmp_path / "out", components=False).object_counts.tolist() == [3]


def test_images_without_a_file_per_class_are_listed(tmp_path):
    root = tmp_path / "d"
    for name in ("a", "b", "café"):
        save_image(root / "images" / f"{name}.png")
    for name in ("a_car", "a_road", "café_car"):
        save_mask(root / "masks" / f"{name}.png", LEFT)
    report, masks, _ = converted(root, tmp_path / "out")
    assert sorted(masks) == ["masks/a.png", "masks/café.png"] and report.left_out == ("images/b.png",)


def test_black_and_inverted_files(tmp_path):
    root = tmp_path / "d"
    save_image(root / "images" / "a.png")
    for number, mask in enumerate((LEFT, 1 - box_mask(12, 16, (1, 3, 5, 8, 9)), 0 * LEFT)):
        save_mask(root / "masks" / f"a_{number}.png", 255 * mask)
    report, _, _ = converted(root, tmp_path / "out")
    assert report.inverted == ("masks/a_1.png",) and report.objects == (0, 2) and report.empty == 0
    assert ("masks that are mostly white: inverted?", "1: masks/a_1.png") in report.facts


def test_the_label_file_gives_the_order_of_classes(tmp_path):
    root = tmp_path / "d"
    save_image(root / "images" / "a.png")
    for name, mask in (("cat", LEFT), ("dog", RIGHT)):
        save_mask(root / "masks" / name / "a.png", 255 * mask)
    for listed in (["background", "dog", "cat", "cow"], ["dog", "cat", "cow"]):
        save_json(root / "labels.json", {"names": listed})
        _, masks, names = converted(root, tmp_path / f"out{len(listed)}")
        assert names["names"] == ["background", "dog", "cat", "cow"]
        np.testing.assert_array_equal(masks["masks/a.png"], 2 * LEFT + RIGHT)
    save_json(root / "labels.json", {"names": ["background", "cat"]})
    assert "labels.json: does not list 'dog'" in refused(root, tmp_path / "out")


def test_splits_with_other_label_files_are_refused(tmp_path):
    """All masks would be read by the first."""
    root = tmp_path / "d"
    for split in ("train", "val"):
        save_image(root / split / "images" / "a.png")
        save_mask(root / split / "masks" / "a.png", LEFT)
    save_json(root / "val" / "labels.json", {"names": ["no", "yes"]})
    _, masks, names = converted(root, tmp_path / "out")
    assert names["names"] == ["no", "yes"]
    np.testing.assert_array_equal(masks["train/masks/a.png"], LEFT)
    save_json(root / "train" / "labels.json", {"names": ["yes", "no"]})
    said = "val/labels.json: differs from train/labels.json, and all masks are read in one way. Convert each split by"
    assert said in refused(root, tmp_path / "out2")


def test_a_folder_without_objects(tmp_path):
    root = tmp_path / "d"
    for name in "ab":
        save_image(root / "images" / f"{name}.png")
        (root / "masks" / name).mkdir(parents=True)
    save_mask(root / "masks" / "a" / "1.png", 255 * LEFT)
    assert "images/b.png: its folder of masks holds none" in refused(root, tmp_path / "out")
    save_mask(root / "masks" / "b" / "1.png", 0 * LEFT)
    assert converted(root, tmp_path / "out", task="instances")[0].objects == (0, 1)


def test_broken_files_of_objects(tmp_path):
    root = tmp_path / "d"
    save_image(root / "images" / "a.png")
    save_mask(root / "masks" / "a" / "1.png", 255 * LEFT)
    (root / "masks" / "a" / "2.png").write_bytes(b"no image")
    assert "masks/a/2.png: the mask cannot be read" in refused(root, tmp_path / "out")


def test_a_split_with_one_class_only(tmp_path):
    root = tmp_path / "d"
    for split, classes in (("train", ("cat", "dog")), ("val", ("dog",))):
        save_image(root / split / "images" / "a.png")
        for name in classes:
            save_mask(root / split / "masks" / name / "a.png", 255 * (LEFT if name == "cat" else RIGHT))
    _, masks, names = converted(root, tmp_path / "out")
    assert names["names"] == ["background", "cat", "dog"]
    np.testing.assert_array_equal(masks["train/masks/a.png"], LEFT + 2 * RIGHT)
    np.testing.assert_array_equal(masks["val/masks/a.png"], 2 * RIGHT)
