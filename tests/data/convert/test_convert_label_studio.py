"""Label Studio's JSON and JSON-MIN."""

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image, save_json

from keras_seg.data.conversion.brush_runs import brush_stamp

pytestmark = pytest.mark.tensorflow_only

# label_studio_sdk 2.1.2: label_studio_sdk.converter.brush.mask2rle(mask), with a uint8 mask of 12 x 16 of zeros, but
# 255 in mask[2:6, 3:9], mask[8, 1] and mask[11, 15].
BRUSH = [0, 0, 3, 0, 57, 27, 254, 139, 0, 194, 255, 248, 156, 3, 11, 255, 226, 112, 12, 47, 255, 137, 192, 48, 191,
         254, 159, 0, 143, 255, 121, 128, 71, 254]  # fmt: skip
BRUSHED = box_mask(12, 16, (1, 2, 6, 3, 9), (1, 8, 9, 1, 2), (1, 11, 12, 15, 16))


def packed(values, word=8, sizes=(3, 4, 8, 16)):
    """The values as series only, which the golden has none of."""
    bits = f"{len(values):032b}{word - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    for start in range(0, len(values), 5):
        block = values[start : start + 5]
        bits += "000" + f"{len(block) - 1:03b}" + "".join(f"{value:0{word}b}" for value in block)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def result(label, kind, value, *, id_="r", **more):
    names = {f"{kind}labels": [label]} if label else {}
    return {
        "id": id_,
        "type": f"{kind}labels",
        "from_name": "label",
        "to_name": "image",
        "original_width": 16,
        "original_height": 12,
        "image_rotation": 0,
        "value": {**value, **names},
        **more,
    }


def box(left, top, right, bottom):
    """Percent of an image of 12 x 16."""
    return {"points": [[x / 0.16, y / 0.12] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]}


def task(results, *, image="/data/upload/1/0a1b2c3d-a.png", id_=1, **more):
    annotation = {"id": 5, "was_cancelled": False, "ground_truth": False, "result": results, **more}
    return {"id": id_, "data": {"image": image}, "annotations": [annotation], "predictions": []}


@pytest.fixture
def source(tmp_path):
    save_image(tmp_path / "ls" / "a.png")
    return tmp_path / "ls"


def numbered(*results):
    return [{**row, "id": f"r{number}"} for number, row in enumerate(results)]


def test_strokes_as_the_sdk_writes_them():
    stamp = brush_stamp(BRUSH, 12, 16, where="x")
    seen = np.zeros((12, 16), int)
    seen[stamp.window][stamp.inside] = 1
    np.testing.assert_array_equal(seen, BRUSHED)


@pytest.mark.parametrize("word", [8, 3, 16])
def test_series_of_values(word):
    # Colors of the stroke are no part of it: only the last channel counts, and any value above 0.
    rgba = np.random.default_rng(0).integers(0, 3, (12, 16, 4))
    stamp = brush_stamp(packed(rgba.ravel().tolist(), word), 12, 16, where="x")
    seen = np.zeros((12, 16), bool)
    seen[stamp.window][stamp.inside] = True
    np.testing.assert_array_equal(seen, rgba[..., 3] > 0)


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        (BRUSH[:-8], "ends too early"),
        ([], "ends too early"),
        ([256, *BRUSH[1:]], "not in Label Studio's code"),
        ("abc", "not in Label Studio's code"),
        ([0, 0, 0, 4, *BRUSH[4:]], "the stroke has 4 values, and the image 12 x 16 x 4"),
        ([255, 255, 255, 255, *BRUSH[4:]], "the stroke has 4294967295 values"),
    ],
)
def test_damaged_strokes(source, tmp_path, rle, message):
    save_json(source / "p.json", [task([result("cat", "brush", {"format": "rle", "rle": rle})])])
    error = refused(source, tmp_path / "out")
    assert error.startswith("p.json: task 1: region 1: ") and message in error


def test_regions(source, tmp_path):
    results = numbered(
        result("dog", "brush", {"format": "rle", "rle": BRUSH}),
        result("cat", "polygon", box(0, 0, 4, 4)),
        result("cat", "rectangle", {"x": 62.5, "y": 0, "width": 25, "height": 100 / 6, "rotation": 0}),
        # Turned by a quarter around its corner (8, 8): 2 wide and 4 high becomes 4 wide, to the left, and 2 high.
        result("cat", "rectangle", {"x": 50, "y": 200 / 3, "width": 12.5, "height": 100 / 3, "rotation": 90}),
        result("cat", "ellipse", {"x": 12.5 / 0.16, "y": 6.5 / 0.12, "radiusX": 2.2 / 0.16, "radiusY": 0.8 / 0.12}),
        result("cat", "keypoint", {"x": 50, "y": 50, "width": 1}),
        {"id": "c", "type": "choices", "value": {"choices": ["good"]}, "from_name": "q", "to_name": "image"},
    )
    save_json(source / "p.json", [task(results)])
    save_image(source / "b.png")
    report, masks, names = converted(source, tmp_path / "out")
    boxes = [(1, 0, 4, 0, 4), (1, 0, 2, 10, 14), (1, 8, 10, 4, 8), (1, 6, 7, 10, 15)]
    expected = box_mask(12, 16, *((2, *row) for row in ((2, 6, 3, 9), (8, 9, 1, 2), (11, 12, 15, 16))), *boxes)
    np.testing.assert_array_equal(masks["masks/a.png"], expected)
    assert names == {"names": ["background", "cat", "dog"]} and report.format == "label-studio"
    assert report.notices == ("1 shape of type keypoint has no area: left out.",) and report.overlapping == 2


def test_objects(source, tmp_path):
    results = numbered(*(result("cat", "polygon", box(x, 0, x + 2, 2)) for x in (0, 4, 15)))
    save_json(source / "p.json", [task(results)])
    report, _, _ = converted(source, tmp_path / "out", task="instances")
    assert report.objects == (0, 3) and report.cut == 0
    results = numbered(*(result("cat", "polygon", box(x, 0, x + 4, 2)) for x in (14, 30)))
    save_json(source / "p.json", [task(results)])
    report, _, _ = converted(source, tmp_path / "out2", task="instances")
    assert (report.cut, report.outside) == (1, 1)


def test_the_label_of_a_tool_may_be_another_result(source, tmp_path):
    value = box(0, 0, 4, 4)
    rows = [
        result(None, "polygon", value, type="polygon"),
        {**result(None, "", {**value, "labels": ["cat"]}), "type": "labels"},
    ]
    save_json(source / "p.json", [task(rows)])
    report, masks, _ = converted(source, tmp_path / "out")
    assert masks["masks/a.png"].sum() == 16 and report.objects == (0, 1)


def test_json_min(source, tmp_path):
    rows = [
        {**box(0, 0, 4, 4), "polygonlabels": ["cat"], "original_width": 16, "original_height": 12},
        {"format": "rle", "rle": BRUSH, "brushlabels": ["dog"], "original_width": 16, "original_height": 12},
    ]
    common = {"id": 1, "annotator": 1, "annotation_id": 2, "created_at": "2026", "image": "/data/upload/1/a.png"}
    save_json(source / "p.json", [{**common, "tag": rows, "quality": "good"}])
    _, masks, names = converted(source, tmp_path / "out")
    expected = box_mask(12, 16, (1, 0, 4, 0, 4))
    expected[BRUSHED > 0] = 2
    np.testing.assert_array_equal(masks["masks/a.png"], expected)
    assert names["names"] == ["background", "cat", "dog"]
    save_json(source / "p.json", [{**common, "tag": rows}, {**common, "annotation_id": 3, "tag": rows}])
    assert "p.json: task 1: has 2 annotations" in refused(source, tmp_path / "out2")


@pytest.mark.parametrize(
    "address",
    ["/data/upload/1/0a1b2c3d-a.png", "https://host/x/a.png?token=1", "s3://bucket/a.png", "C:\\photos\\a.png", "a.png",
     "/data/local-files/?d=images/a.png", "/data/local-files/?d=other/a.png", "%61.png"],
)  # fmt: skip
def test_addresses(tmp_path, address):
    save_image(tmp_path / "ls" / "images" / "a.png")
    save_json(tmp_path / "ls" / "p.json", [task([result("cat", "polygon", box(0, 0, 4, 4))], image=address)])
    [mask] = converted(tmp_path / "ls", tmp_path / "out")[1].values()
    assert mask.sum() == 16


def test_addresses_that_climb(source, tmp_path):
    save_image(tmp_path / "secret.png")
    rows = [result("cat", "polygon", box(0, 0, 4, 4))]
    save_json(source / "p.json", [task(rows, image="/data/local-files/?d=../secret.png")])
    assert "p.json: task 1: '../secret.png' leads out of" in refused(source, tmp_path / "out")
    save_json(source / "p.json", [task(rows, image="../secret.png")])
    assert "the image 'secret.png' is not in" in refused(source, tmp_path / "out")


def test_whose_annotation_counts(source, tmp_path):
    def annotations(*rows):
        found = task([])
        found["annotations"] = [{"result": [result(label, "polygon", box(0, 0, 4, 4))], **more} for label, more in rows]
        save_json(source / "p.json", [found, task([], id_=2, image="b.png"), {**task([], id_=3), "annotations": []}])

    save_image(source / "b.png", seed=1)
    annotations(("cat", {}), ("dog", {"was_cancelled": True}))
    report, _, names = converted(source, tmp_path / "out")
    assert names["names"] == ["background", "cat"]
    # A task without regions is background; one that nobody has labeled is left out.
    assert report.unlabeled == ("b.png",) and len(report.left_out) == 1
    annotations(("cat", {}), ("dog", {"ground_truth": True}))
    assert converted(source, tmp_path / "out2")[2]["names"] == ["background", "dog"]
    annotations(("cat", {}), ("dog", {}))
    assert "p.json: task 1: has 2 annotations. Mark the one to use as ground truth" in refused(
        source, tmp_path / "out3"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"value": {**box(0, 0, 4, 4)}}, "has no label"),
        ({"value": {**box(0, 0, 4, 4), "polygonlabels": ["a", "b"]}}, "has 2 labels"),
        ({"image_rotation": 90}, "was drawn on an image that was turned"),
        ({"value": {"x": 1, "y": "1", "width": 3, "height": 4, "rectanglelabels": ["a"]}}, "y is 1, and must be"),
        ({"value": {"points": [[0], [1]], "polygonlabels": ["a"]}}, "the outline"),
        ({"value": {"bitmask": "x", "bitmasklabels": ["a"]}}, "is not read"),
        ({"original_width": 0}, "p.json: task 1: the size 12 x 0"),
        ({"original_width": 1e9}, "more than"),
    ],
)
def test_wrong_regions(source, tmp_path, more, message):
    save_json(source / "p.json", [task([{**result("cat", "polygon", box(0, 0, 4, 4)), **more}])])
    assert message in refused(source, tmp_path / "out")


def test_png_files_have_no_names_of_images(source, tmp_path):
    (source / "task-1-annotation-2-by-1-tag-cat-0.png").write_bytes((source / "a.png").read_bytes())
    message = refused(source, tmp_path / "out")
    assert message.startswith("task-1-annotation-2-by-1-tag-cat-0.png: ") and "as JSON" in message
    save_json(source / "p.json", [task([result("cat", "polygon", box(0, 0, 4, 4))])])
    assert converted(source, tmp_path / "out")[1]["masks/a.png"].sum() == 16
