"""YOLO's text files with polygons and boxes."""

import re

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image

from keras_seg.data.conversion.formats.yolo import yaml_names

pytestmark = pytest.mark.tensorflow_only


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def source(root, rows="", *, split="train"):
    save_image(root / "images" / split / "a.jpg", 10, 20)
    write(root / "labels" / split / "a.txt", rows)
    write(root / "data.yaml", f"path: .\n{split}: images/{split}\nnames:\n  0: car\n  1: 'dog: small'\n")
    return root


def test_polygons_in_shares_smaller_on_top(tmp_path):
    rows = "1 0.1 0.2 0.2 0.2 0.2 0.4 0.1 0.4\n0 0 0 0.5 0 0.5 0.5 0 0.5\n"
    root = source(tmp_path / "yolo", rows)
    save_image(root / "images" / "train" / "b.png", 10, 20)
    save_image(root / "images" / "val" / "c.png", 10, 20)
    # A row of five numbers is a box: center, width, height.
    write(root / "labels" / "val" / "c.txt", "0 0.5 0.5 0.2 0.4\n")
    report, masks, names = converted(root, tmp_path / "out")
    np.testing.assert_array_equal(masks["train/masks/a.png"], box_mask(10, 20, (1, 0, 5, 0, 10), (2, 2, 4, 2, 4)))
    np.testing.assert_array_equal(masks["val/masks/c.png"], box_mask(10, 20, (1, 3, 7, 8, 12)))
    assert names == {"names": ["background", "car", "dog: small"]}
    # As detection data has them: the labels of segmentation are outlines.
    assert report.notices == ("1 object has a box and no outline: all pixels of the box get the class.",)
    assert report.unlabeled == ("b.png",) and report.overlapping == 2 and not masks["train/masks/b.png"].any()


def test_split_first_and_labels_without_images(tmp_path):
    root = tmp_path / "rf"
    for split in ("train", "valid"):
        save_image(root / split / "images" / "a.jpg", 10, 20)
        write(root / split / "labels" / "a.txt", "")
    write(root / "valid" / "labels" / "z.txt", "0 0 0 1 0 1 1")
    write(root / "data.yaml", "train: ../train/images\nnc: 1\nnames: ['car']\n")
    report, masks, _ = converted(root, tmp_path / "out", format="yolo")
    assert list(masks) == ["train/masks/a.png", "val/masks/a.png"] and report.left_out == ("valid/labels/z.txt",)
    assert report.unlabeled == ()  # An empty file says that there are no objects.


@pytest.mark.parametrize("pattern", ["{}/{}", "{1}/{0}"])
@pytest.mark.parametrize(
    ("folders", "splits", "notices"),
    [
        (("train2017", "val2017"), {"train": 1, "val": 1}, ()),  # COCO as Ultralytics has it.
        (("Train", "Validation"), {"train": 1, "val": 1}, ()),
        (("train", "extra"), {"train": 1}, ("{} is no split, and is left out.",)),
        (("train", "test_tubes"), {"train": 1, "test": 1}, ()),
    ],
)
def test_splits_are_named_in_several_ways(tmp_path, pattern, folders, splits, notices):
    root = tmp_path / "yolo"
    for name in folders:
        save_image(root / pattern.format("images", name) / "a.jpg", 10, 20)
        write(root / pattern.format("labels", name) / "a.txt", "0 0 0 0.5 0 0.5 0.5 0 0.5\n")
    write(root / "data.yaml", "names: [car]\n")
    report, masks, _ = converted(root, tmp_path / "out")
    assert report.format == "yolo" and report.splits == splits
    assert sorted(masks) == sorted(f"{split}/masks/a.png" for split in splits)
    assert all((mask == box_mask(10, 20, (1, 0, 5, 0, 10))).all() for mask in masks.values())
    assert report.notices == tuple(line.format(pattern.format("images", folders[1]) + "/") for line in notices)


def test_a_split_without_labels_is_named(tmp_path):
    root = source(tmp_path / "yolo", "0 0 0 0.5 0 0.5 0.5 0 0.5\n")
    save_image(root / "images" / "test" / "z.jpg", 10, 20)
    report, masks, _ = converted(root, tmp_path / "out")
    assert list(masks) == ["train/masks/a.png"] and report.left_out == ()
    assert report.notices == ("images/test/ has no labels, and is left out.",)


def test_folders_of_things_are_no_splits(tmp_path):
    root = tmp_path / "yolo"
    for folder in ("car", "bus"):
        save_image(root / "images" / folder / f"{folder}.jpg", 10, 20)
        write(root / "labels" / folder / f"{folder}.txt", "0 0 0 0.5 0 0.5 0.5 0 0.5\n")
    write(root / "labels" / "classes.txt", "car\n")  # Before the labels in the order of the files.
    report, masks, _ = converted(root, tmp_path / "out")
    assert report.format == "yolo" and report.splits == {"": 2} and report.notices == ()
    assert list(masks) == ["masks/bus_bus.png", "masks/car_car.png"]


def test_two_images_of_one_label_file(tmp_path):
    """The second one was written as background. Images without a label file are."""
    root = source(tmp_path / "yolo", "0 0 0 1 0 1 1")
    for name in ("b.jpg", "b.png"):
        save_image(root / "images" / "train" / name, 10, 20)
    report, masks, _ = converted(root, tmp_path / "out")
    assert len(masks) == 3 and sorted(report.unlabeled) == ["b.jpg", "b.png"]
    save_image(root / "images" / "train" / "a.png", 10, 20)
    line = "images/train/a.png: a.jpg has the same stem. Keep one of the two."
    assert refused(root, tmp_path / "out2") == line


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 0 0 1 0 1", "has 5 numbers after the class"),
        ("2 0 0 1 0 1 1", "the class 2 is not among the 2 names"),
        ("-1 0 0 1 0 1 1", "the class -1 is not"),
        ("0 10 10 200 10 200 90", "holds 200, and coordinates are shares"),
        ("0 0 0 nan 0 1 1", "has 6 numbers"),
        ("car 0 0 1 0 1 1", "is not a class and numbers"),
    ],
)
def test_wrong_lines_are_named(tmp_path, row, message):
    root = source(tmp_path / "yolo", f"0 0 0 1 0 1 1\n\n{row}\n")
    assert re.search(rf"^labels/train/a.txt, line 3: .*{message}", refused(root, tmp_path / "out"))


def test_names_are_needed(tmp_path):
    root = source(tmp_path / "yolo", "0 0 0 1 0 1 1")
    write(root / "data.yaml", "nc: 2")
    assert "data.yaml: lists no names" in refused(root, tmp_path / "out")
    (root / "data.yaml").unlink()
    assert "the names of the classes are missing" in refused(root, tmp_path / "out")
    write(root / "classes.txt", "car\n")
    assert converted(root, tmp_path / "out")[2]["names"] == ["background", "car"]


@pytest.mark.parametrize(
    "text",
    [
        "names: [car, 'a, b', \"c\\u00e9\"]\nnc: 3",
        "nc: 3\nnames:\n- car\n- 'a, b'\n- cé\ntrain: x",
        'names:\n  0: car  # the first\n\n  1: "a, b"\n  2: cé\nx: 1',
        "names: {0: car, 1: 'a, b', 2: cé}",
        "names: [\n  car,\n  'a, b',\n  cé\n]",
        "names:\n  2: cé\n  1: 'a, b'\n  0: car\n",
    ],
)
def test_the_forms_of_names(text):
    yaml = pytest.importorskip("yaml")
    assert yaml_names(text) == ["car", "a, b", "cé"]
    loaded = yaml.safe_load(text)["names"]
    assert (loaded if isinstance(loaded, list) else [loaded[n] for n in range(3)]) == yaml_names(text)


def test_names_with_gaps_are_no_list():
    assert yaml_names("names:\n  0: a\n  2: b\n") == []
