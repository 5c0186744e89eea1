"""COCO's instances, as the release and Roboflow write them, and panoptic labels."""

import json
import shutil

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image, save_json
from PIL import Image

from keras_seg.data import scan_folder, scan_instances

pytestmark = pytest.mark.tensorflow_only

CATEGORIES = [{"id": 3, "name": "car"}, {"id": 90, "name": "person"}]


def polygon(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def record(id_, image, category, segmentation, **more):
    return {
        "id": id_,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": 0,
        "bbox": [0, 0, 1, 1],
        "area": 1,
        **more,
    }


def labels(annotations, images=None, categories=CATEGORIES):
    images = images or [{"id": 1, "file_name": "a.jpg", "width": 16, "height": 12}]
    return {"images": images, "annotations": annotations, "categories": categories}


@pytest.fixture
def source(tmp_path):
    save_image(tmp_path / "coco" / "a.jpg")
    return tmp_path / "coco"


def test_polygons_smaller_on_top_and_gaps_in_the_ids(source, tmp_path):
    rows = [
        record(1, 1, 90, [polygon(2, 2, 5, 5)]),
        record(2, 1, 3, [polygon(0, 0, 8, 6), polygon(10, 8, 12, 12)]),
        record(3, 1, 3, [polygon(-4, 9, 3, 20)]),
        record(4, 1, 3, [polygon(40, 40, 50, 50)]),
        record(5, 1, 3, [[1, 1, 2, 2]]),
    ]
    save_json(source / "_annotations.coco.json", labels(rows))
    report, masks, names = converted(source, tmp_path / "out")
    expected = box_mask(12, 16, (1, 0, 6, 0, 8), (1, 8, 12, 10, 12), (1, 9, 12, 0, 3), (2, 2, 5, 2, 5))
    np.testing.assert_array_equal(masks["masks/a.png"], expected)
    assert names == {"names": ["background", "car", "person"]}
    assert report.format == "coco" and report.pixels == tuple(np.bincount(expected.ravel()).tolist())
    assert (report.overlapping, report.hidden, report.cut, report.outside, report.empty) == (2, 0, 1, 1, 1)
    assert report.objects == (0, 4, 1) and "smaller" in report.rule
    assert scan_folder(tmp_path / "out").class_names == ("background", "car", "person")


def test_run_lengths_of_both_kinds_run_down_the_columns(source, tmp_path):
    coco = pytest.importorskip("pycocotools.mask")
    inside = np.random.default_rng(3).random((12, 16)) < 0.4
    packed = coco.encode(np.asfortranarray(inside.astype("uint8")))
    changes = np.flatnonzero(np.diff(np.concatenate([[False], inside.T.ravel()]).astype(int)))
    counts = np.diff(np.concatenate([[0], changes, [inside.size]])).tolist()
    for number, runs in enumerate((packed["counts"].decode(), counts)):
        save_json(source / "a.json", labels([record(1, 1, 90, {"size": [12, 16], "counts": runs})]))
        _, masks, _ = converted(source, tmp_path / f"out{number}")
        np.testing.assert_array_equal(masks["masks/a.png"], 2 * inside)


def test_long_run_lengths_are_those_of_pycocotools():
    coco = pytest.importorskip("pycocotools.mask")
    from keras_seg.data.conversion.run_lengths import column_runs_stamp

    random = np.random.default_rng(0)
    for share in (0.001, 0.1, 0.5, 0.999):
        inside = random.random((210, 170)) < share
        inside[40:160, 30:90] = True
        packed = coco.encode(np.asfortranarray(inside.astype("uint8")))["counts"]
        stamp = column_runs_stamp(packed.decode(), 210, 170, where="a")
        found = np.zeros_like(inside)
        found[stamp.window] = stamp.inside
        np.testing.assert_array_equal(found, inside)


def test_crowds_are_ignored_below_all_objects(source, tmp_path):
    runs = [0, 12 * 4, 12 * 12]  # The first four columns.
    rows = [
        record(1, 1, 3, [polygon(2, 2, 16, 12)]),
        record(2, 1, 90, {"size": [12, 16], "counts": runs}, iscrowd=1),
    ]
    save_json(source / "labels.json", labels(rows))
    report, masks, names = converted(source, tmp_path / "out", task="instances")
    np.testing.assert_array_equal(masks["masks/a.png"], box_mask(12, 16, (255, 0, 12, 0, 4), (1, 2, 12, 2, 16)))
    assert names["ignore_class"] == report.ignore_class == 255 and report.ignored_pixels == 12 * 2 + 2 * 2
    index = scan_instances(tmp_path / "out", ignore_class=65535)
    np.testing.assert_array_equal(index.read_labels(0), box_mask(12, 16, (-1, 0, 12, 0, 4), (1, 2, 12, 2, 16)))
    assert any("ignore_class=65535" in line for line in report.notices)
    assert any(line.startswith("1 objects are crowds") for line in report.notices)


def test_masks_of_cvat_are_no_crowds(source, tmp_path):
    """CVAT marks what is drawn with its brush as crowds: all of it became ignored pixels."""
    runs = {"size": [12, 16], "counts": [0, 12 * 4, 12 * 12]}  # The first four columns.
    more = {"iscrowd": 1, "attributes": {"occluded": False}}
    rows = [
        record(1, 1, 90, runs, **more),
        record(2, 1, 3, [polygon(2, 2, 16, 12)], attributes={"occluded": False}),
    ]
    save_json(source / "annotations" / "instances_default.json", labels(rows))
    report, masks, names = converted(source, tmp_path / "out", task="instances")
    # 140 pixels below, 48 on top.
    np.testing.assert_array_equal(masks["masks/a.png"], box_mask(12, 16, (1, 2, 12, 2, 16), (2, 0, 12, 0, 4)))
    assert "ignore_class" not in names and report.objects == (0, 1, 1)
    assert report.notices == (
        "1 objects are marked as crowds (iscrowd), as CVAT marks every mask: they are read as objects.",
    )
    index = scan_instances(tmp_path / "out")
    np.testing.assert_array_equal(index.read_labels(0), box_mask(12, 16, (1, 2, 12, 2, 16), (2, 0, 12, 0, 4)))


def test_instances_are_numbered_per_image(source, tmp_path):
    rows = [record(9, 1, 3, [polygon(0, 0, 9, 9)]), record(4, 1, 3, [polygon(6, 6, 12, 12)])]
    save_json(source / "x.json", labels(rows))
    converted(source, tmp_path / "out", task="instances")
    index = scan_instances(tmp_path / "out")
    # 81 pixels below, 36 on top.
    np.testing.assert_array_equal(index.read_labels(0), box_mask(12, 16, (1, 0, 9, 0, 9), (2, 6, 12, 6, 12)))


def test_objects_with_a_box_only_are_ignored_pixels(source, tmp_path):
    save_json(
        source / "x.json", labels([record(1, 1, 3, [], bbox=[2, 3, 4, 5]), record(2, 1, 3, [polygon(0, 0, 3, 4)])])
    )
    report, masks, _ = converted(source, tmp_path / "out")
    np.testing.assert_array_equal(masks["masks/a.png"], box_mask(12, 16, (255, 3, 8, 2, 6), (1, 0, 4, 0, 3)))
    assert "1 objects have a box and no outline" in report.notices[0]


def test_the_layout_of_the_release(tmp_path):
    root = tmp_path / "coco"
    for split in ("train2017", "val2017"):
        save_image(root / split / "0001.jpg")
        save_image(root / split / "0002.jpg")
        images = [{"id": n, "file_name": f"000{n}.jpg", "width": 16, "height": 12} for n in (1, 2)]
        save_json(
            root / "annotations" / f"instances_{split}.json", labels([record(1, 2, 3, [polygon(0, 0, 4, 4)])], images)
        )
        save_json(
            root / "annotations" / f"captions_{split}.json", {"images": images, "annotations": [{"caption": "a"}]}
        )
        save_json(root / "annotations" / f"person_keypoints_{split}.json", labels([], images))
    report, masks, _ = converted(root, tmp_path / "out")
    assert report.splits == {"train": 2, "val": 2}
    assert sorted(masks) == [f"{split}/masks/000{n}.png" for split in ("train", "val") for n in (1, 2)]
    assert masks["val/masks/0002.png"].sum() == 16 and not masks["val/masks/0001.png"].any()
    assert report.unlabeled == ("0001.jpg", "0001.jpg")
    assert len(scan_folder(tmp_path / "out", split="train")) == 2
    # One of its files: the images are found by `images`.
    report, _, _ = converted(root / "annotations" / "instances_val2017.json", tmp_path / "one", images=root / "val2017")
    assert report.splits == {"val": 2}


def test_roboflow_folders_and_its_row_zero(tmp_path):
    categories = [
        {"id": 0, "name": "things", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "things"},
    ]
    for split in ("train", "valid"):
        image = save_image(tmp_path / "rf" / split / "a_jpg.rf.0123.jpg")
        rows = [record(0, 0, 1, [polygon(0, 0, 2, 2)])]
        images = [{"id": 0, "file_name": image.name, "width": 16, "height": 12}]
        save_json(image.parent / "_annotations.coco.json", labels(rows, images, categories))
    report, masks, names = converted(tmp_path / "rf", tmp_path / "out")
    assert names["names"] == ["background", "cat"] and report.splits == {"train": 1, "val": 1}
    assert list(masks) == ["train/masks/a_jpg.rf.0123.png", "val/masks/a_jpg.rf.0123.png"]
    assert "Category 0, things" in report.notices[0]


def test_images_in_folders_keep_apart(tmp_path):
    images = []
    for number, name in enumerate(("x/a.jpg", "y/a.jpg", "y/a.png", "y/A.png")):
        save_image(tmp_path / "coco" / "images" / name)
        images.append({"id": number, "file_name": name, "width": 16, "height": 12})
    rows = [record(n, n, 3, [polygon(0, 0, n + 1, 1)]) for n in range(4)]
    save_json(tmp_path / "coco" / "labels.json", labels(rows, images))
    _, masks, _ = converted(tmp_path / "coco", tmp_path / "out")
    assert [int(mask.sum()) for mask in masks.values()] == [1, 4, 2, 3]
    assert list(masks) == ["masks/x_a.png", "masks/y_A_3.png", "masks/y_a.png", "masks/y_a_2.png"]


def test_many_classes_need_16_bits(source, tmp_path):
    categories = [{"id": n, "name": f"n{n}"} for n in range(1, 301)]
    rows = [record(1, 1, 300, [polygon(0, 0, 4, 4)]), record(2, 1, 1, [polygon(8, 8, 9, 9)], iscrowd=1)]
    save_json(source / "x.json", labels(rows, categories=categories))
    _, masks, names = converted(source, tmp_path / "out")
    np.testing.assert_array_equal(masks["masks/a.png"], box_mask(12, 16, (300, 0, 4, 0, 4), (65535, 8, 9, 8, 9)))
    assert names["ignore_class"] == 65535


def test_labels_drawn_on_the_stored_pixels_are_turned(tmp_path):
    image = save_image(tmp_path / "coco" / "a.jpg", 12, 16, orientation=6)  # Displayed 16 high, 12 wide.
    stored = {"id": 1, "file_name": "a.jpg", "width": 16, "height": 12}
    save_json(image.with_suffix(".json"), labels([record(1, 1, 3, [polygon(0, 0, 4, 2)])], [stored]))
    report, masks, _ = converted(tmp_path / "coco", tmp_path / "out")
    # Orientation 6 turns clockwise: the upper left corner comes to the upper right.
    np.testing.assert_array_equal(masks["masks/a.png"], box_mask(16, 12, (1, 0, 4, 10, 12)))
    assert report.turned == ("a.jpg",)
    shown = {"id": 1, "file_name": "a.jpg", "width": 12, "height": 16}
    save_json(image.with_suffix(".json"), labels([record(1, 1, 3, [polygon(0, 0, 4, 2)])], [shown]))
    _, masks, _ = converted(tmp_path / "coco", tmp_path / "out2")
    np.testing.assert_array_equal(masks["masks/a.png"], box_mask(16, 12, (1, 0, 2, 0, 4)))


def test_masks_of_another_size_are_resized_or_refused(tmp_path):
    image = save_image(tmp_path / "coco" / "a.jpg", 24, 32)
    row = [record(1, 1, 3, [polygon(0, 0, 4, 4)])]
    save_json(image.with_suffix(".json"), labels(row))
    report, masks, _ = converted(tmp_path / "coco", tmp_path / "out")
    np.testing.assert_array_equal(masks["masks/a.png"], box_mask(24, 32, (1, 0, 8, 0, 8)))
    assert report.resized == ("a.jpg (12x16 to 24x32)",)
    save_image(image, 24, 24)
    assert "12x16 (height x width), but the file a.jpg has 24x24" in refused(tmp_path / "coco", tmp_path / "out2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category_id": 7}, "annotation 1: the category 7 is not"),
        ({"image_id": 9}, "annotation 1: the image 9 is not"),
        ({"iscrowd": 2}, "annotation 1: iscrowd is 2"),
        ({"segmentation": [[1, 2, 3]]}, "annotation 1: the outline is not"),
        (
            {"segmentation": {"size": [16, 12], "counts": [192]}},
            r"annotation 1: the run lengths are of size \[16, 12\]",
        ),
        ({"segmentation": {"size": [12, 16], "counts": [191]}}, "annotation 1: the run lengths do not add up to 192"),
        ({"segmentation": {"size": [12, 16], "counts": [-1, 193]}}, "annotation 1: the run lengths do not add up"),
        ({"segmentation": {"size": [12, 16], "counts": "\x7f"}}, "annotation 1: the run lengths are not in COCO's"),
        ({"segmentation": {"size": [12, 16], "counts": "oooooooooooooooooooooo"}}, "annotation 1: the run lengths"),
        ({"segmentation": {"size": [12, 16]}}, "annotation 1: the run lengths"),
        ({"segmentation": "polygon"}, "annotation 1: the segmentation is neither"),
        ({"segmentation": None, "bbox": None}, "annotation 1: "),
    ],
)
def test_wrong_records_are_named(source, tmp_path, change, message):
    save_json(source / "x.json", labels([{**record(1, 1, 3, [polygon(0, 0, 2, 2)]), **change}]))
    import re

    assert re.search("^x.json: " + message, refused(source, tmp_path / "out"))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"file_name": "b.jpg"}, "the image 'b.jpg' is not in"),
        ({"file_name": "../out.jpg"}, "leads out of"),
        ({"file_name": "/etc/hosts"}, "is not a path from the folder"),
        ({"file_name": "C:\\a.jpg"}, "is not a path from the folder"),
        ({"file_name": "https://a/a.jpg"}, "is not a path from the folder"),
        ({"file_name": 3}, "the name of a file is missing"),
        ({"file_name": "a" * 5000}, "is not in"),
        ({"width": 10**9, "height": 10**9}, "is not whole, or more than"),
        ({"width": "16"}, "is not two whole numbers"),
        ({"width": None}, "is not two whole numbers"),
    ],
)
def test_wrong_images_are_named(source, tmp_path, image, message):
    image = {"id": 1, "file_name": "a.jpg", "width": 16, "height": 12, **image}
    save_json(source / "x.json", labels([], [image]))
    found = refused(source, tmp_path / "out")
    assert found.startswith("x.json: image 1: ") and message in found


def test_labels_without_their_image_can_be_skipped(source, tmp_path):
    images = [{"id": n, "file_name": f"{name}.jpg", "width": 16, "height": 12} for n, name in enumerate("ab")]
    save_json(source / "x.json", labels([], images))
    assert "`allow_orphans=True`" in refused(source, tmp_path / "out")
    report, _, _ = converted(source, tmp_path / "out", allow_orphans=True)
    assert report.left_out == ("b.jpg",) and report.splits == {"": 1}


def test_categories_must_be_told_apart(source, tmp_path):
    save_json(source / "x.json", labels([], categories=[{"id": 1, "name": "a"}, {"id": 2, "name": "a "}]))
    assert "the class name 'a' occurs twice" in refused(source, tmp_path / "out")
    save_json(source / "x.json", labels([], categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]))
    assert "two categories have the id 1" in refused(source, tmp_path / "out")
    save_json(source / "x.json", labels([], categories=[]))
    assert "lists no classes" in refused(source, tmp_path / "out")


def panoptic(folder, ids, segments):
    save_image(folder / "val2017" / "a.jpg", *ids.shape)
    number = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1)
    (folder / "annotations" / "panoptic_val2017").mkdir(parents=True, exist_ok=True)
    Image.fromarray(number.astype("uint8")).save(folder / "annotations" / "panoptic_val2017" / "a.png")
    content = {
        "images": [{"id": 5, "file_name": "a.jpg", "width": ids.shape[1], "height": ids.shape[0]}],
        "annotations": [{"image_id": 5, "file_name": "a.png", "segments_info": segments}],
        "categories": [{"id": 1, "name": "car", "isthing": 1}, {"id": 200, "name": "sky", "isthing": 0}],
    }
    save_json(folder / "annotations" / "panoptic_val2017.json", content)


def test_panoptic(tmp_path):
    one, two, sky, crowd = 3 + 256 * 7, 65536 * 2 + 5, 256, 90000
    ids = np.zeros((12, 16), "int64")
    ids[:4], ids[4:8, :5], ids[4:8, 5:9], ids[8:, :4] = sky, one, two, crowd
    segments = [{"id": one, "category_id": 1}, {"id": two, "category_id": 1}, {"id": sky, "category_id": 200}]
    segments += [{"id": crowd, "category_id": 1, "iscrowd": 1}]
    panoptic(tmp_path / "coco", ids, segments)
    _, masks, names = converted(tmp_path / "coco", tmp_path / "out", task="instances")
    expected = np.select([ids == sky, (ids == one) | (ids == two)], [2, 1], 255)
    np.testing.assert_array_equal(masks["val/masks/a.png"], expected)
    assert names == {"names": ["background", "car", "sky"], "ignore_class": 255}
    index = scan_instances(tmp_path / "out", split="val", ignore_class=65535)
    np.testing.assert_array_equal(index.read_labels(0), np.select([ids == sky, ids == one, ids == two], [0, 1, 2], -1))
    panoptic(tmp_path / "coco", ids, segments[:-1])
    assert f"holds the segment {crowd}, which segments_info does not" in refused(tmp_path / "coco", tmp_path / "out2")
    panoptic(tmp_path / "coco", ids, [*segments, segments[0]])
    assert f"the segment id {one} is missing or occurs twice" in refused(tmp_path / "coco", tmp_path / "out2")


def test_panoptic_without_the_segments_of_an_image(tmp_path):
    """The first annotation tells the format, so the second may be anything."""
    source = tmp_path / "coco"
    panoptic(source, np.full((12, 16), 7), [{"id": 7, "category_id": 1}])
    file = source / "annotations" / "panoptic_val2017.json"
    content = json.loads(file.read_text())
    save_image(source / "val2017" / "b.jpg", 12, 16)
    shutil.copy(file.with_suffix("") / "a.png", file.with_suffix("") / "b.png")
    image = {"id": 6, "file_name": "b.jpg", "width": 16, "height": 12}
    for more in ({}, {"segments_info": {"id": 7}}):
        row = {"image_id": 6, "file_name": "b.png", **more}
        changed = {"images": [*content["images"], image], "annotations": [*content["annotations"], row]}
        save_json(file, {**content, **changed})
        assert "image 6: segments_info is missing or not a list" in refused(source, tmp_path / "out")
