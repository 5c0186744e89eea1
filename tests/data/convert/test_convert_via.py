"""VGG Image Annotator, versions 1 and 2."""

import csv
import json

import numpy as np
import pytest
from conversion_sources import box_mask, converted, refused, save_image, save_json

pytestmark = pytest.mark.tensorflow_only


def polygon(left, top, right, bottom):
    xs, ys = [left, right, right, left], [top, top, bottom, bottom]
    return {"name": "polygon", "all_points_x": xs, "all_points_y": ys}


def region(shape, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def record(*regions, name="a.png"):
    return {"filename": name, "size": 100, "regions": list(regions), "file_attributes": {}}


REGIONS = (
    region({"name": "rect", "x": 8, "y": 0, "width": 4, "height": 2}, kind="dog"),
    region(polygon(0, 0, 4, 4), kind="cat"),
    region({"name": "circle", "cx": 12.5, "cy": 6.5, "r": 1.2}, kind="cat"),
    # Turned by a quarter: 0.8 wide and 2.2 high.
    region({"name": "ellipse", "cx": 4.5, "cy": 8.5, "rx": 2.2, "ry": 0.8, "theta": np.pi / 2}, kind="dog"),
    region({"name": "polyline", "all_points_x": [0, 9], "all_points_y": [0, 9]}, kind="cat"),
    region({"name": "point", "cx": 1, "cy": 1}, kind=""),
)
EXPECTED = box_mask(12, 16, (2, 0, 2, 8, 12), (1, 0, 4, 0, 4), (1, 5, 8, 12, 13), (1, 6, 7, 11, 14), (2, 6, 11, 4, 5))


@pytest.fixture
def source(tmp_path):
    save_image(tmp_path / "via" / "a.png")
    return tmp_path / "via"


def save_table(path, rows, *, head=""):
    names = ["filename", "file_size", "file_attributes", "region_count", "region_id", "region_shape_attributes"]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([head + names[0], *names[1:], "region_attributes"])
        for number, row in enumerate(rows):
            shape, attributes = json.dumps(row["shape_attributes"]), json.dumps(row["region_attributes"])
            writer.writerow(["a.png", 100, "{}", len(rows), number, shape, attributes])
    return path


@pytest.mark.parametrize("form", ["export", "project", "version 1", "table", "table of version 1"])
def test_forms(source, tmp_path, form):
    content = {"a.png100": record(*REGIONS)}
    if form == "project":
        content = {"_via_settings": {}, "_via_img_metadata": content, "_via_attributes": {}}
    if form == "version 1":
        content["a.png100"]["regions"] = {str(number): row for number, row in enumerate(REGIONS)}
    if form.startswith("table"):
        save_table(source / "via.csv", REGIONS, head="#" if "1" in form else "")
    else:
        save_json(source / "via.json", content)
    report, masks, names = converted(source, tmp_path / "out", task="instances")
    np.testing.assert_array_equal(masks["masks/a.png"], EXPECTED)
    assert names == {"names": ["background", "cat", "dog"]} and report.format == "via"
    assert report.objects == (0, 2, 2) and len(report.notices) == 2
    assert (tmp_path / "out" / "instances" / "a.png").exists()


def test_splits_and_one_class(tmp_path):
    root = tmp_path / "balloon"
    for split in ("train", "val"):
        save_image(root / split / "a.png")
        save_json(root / split / "via_region_data.json", {"a.png1": record(region(polygon(0, 0, 4, 4)))})
    report, masks, names = converted(root, tmp_path / "out")
    assert report.splits == {"train": 1, "val": 1} and masks["val/masks/a.png"].sum() == 16
    assert names["names"] == ["background", "object"] and "No region has attributes" in report.notices[0]


def test_which_attribute_is_the_class(source, tmp_path):
    save_json(source / "via.json", {"a": record(region(polygon(0, 0, 4, 4), kind="cat", color="red"))})
    assert "'color', 'kind', and one must hold the class" in refused(source, tmp_path / "out")
    save_json(source / "via.json", {"a": record(region(polygon(0, 0, 4, 4), Class="cat", color="red"))})
    assert converted(source, tmp_path / "out")[2]["names"] == ["background", "cat"]
    save_json(source / "via.json", {"a": record(region(polygon(0, 0, 4, 4), kind={"cat": True, "dog": False}))})
    assert converted(source, tmp_path / "out2")[2]["names"] == ["background", "cat"]
    save_json(source / "via.json", {"a": record(region(polygon(0, 0, 4, 4), kind={"cat": True, "dog": True}))})
    assert "region 1: 'kind' has 2 values" in refused(source, tmp_path / "out3")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([region(polygon(0, 0, 4, 4), kind="cat"), region(polygon(0, 0, 4, 4))], "region 2: the attribute 'kind' has"),
        ([region({"name": "star"}, kind="cat")], "region 1: the shape 'star' is unknown"),
        ([region({"name": "rect", "x": 1, "y": 1, "width": "4", "height": 2}, kind="a")], "region 1: width is 4"),
        ([region({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]}, kind="a")], "region 1: all_points"),
        ([region({"name": "polygon", "all_points_x": 1}, kind="a")], "region 1: all_points"),
        ([{"shape_attributes": None}], "region 1: has no shape"),
        ([7], "region 1: has no shape"),
    ],
)
def test_wrong_regions(source, tmp_path, rows, message):
    save_json(source / "via.json", {"a.png1": record(*rows)})
    assert refused(source, tmp_path / "out").startswith(f"via.json: 'a.png': {message}")


def test_wrong_files(source, tmp_path):
    save_json(source / "via.json", {"a": record(name="../secret.png"), "b": record(region(polygon(0, 0, 1, 1)))})
    save_image(tmp_path / "secret.png")
    assert "'../secret.png' leads out of" in refused(source, tmp_path / "out")
    save_json(source / "via.json", {"a": record(), "b": record()})
    assert "lists 'a.png' twice" in refused(source, tmp_path / "out")
    save_json(source / "via.json", {"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}})
    assert "is a project of VIA 3" in refused(source, tmp_path / "out")
    (source / "via.json").unlink()
    table = save_table(source / "via.csv", REGIONS)
    table.write_text(table.read_text().replace('""name"": ""rect""', "{{{"))
    assert "via.csv: row 2 is not VIA's" in refused(source, tmp_path / "out")
