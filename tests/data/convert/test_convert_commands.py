"""Reading what a label tool wrote: the error is a command that works."""

import shlex

import numpy as np
import pytest
from conversion_sources import box_mask, refused, save_image, save_json, save_mask

from keras_seg._validation import InputError
from keras_seg.data import convert, diagnose, find_splits, from_folder, scan_folder, scan_instances

pytestmark = pytest.mark.tensorflow_only

SQUARE = [0, 0, 4, 0, 4, 4, 0, 4]


def coco(root):
    save_image(root / "a.png")
    row = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE], "iscrowd": 0}
    image = {"id": 1, "file_name": "a.png", "width": 16, "height": 12}
    return save_json(root / "x.json", {"images": [image], "annotations": [row], "categories": [{"id": 1, "name": "c"}]})


def labelme(root):
    save_image(root / "a.png")
    shape = {"label": "c", "points": np.reshape(SQUARE, (-1, 2)).tolist(), "shape_type": "polygon"}
    save_json(root / "a.json", {"shapes": [shape], "imagePath": "a.png", "imageHeight": 12, "imageWidth": 16})


def yolo(root):
    for split in ("train", "val"):
        save_image(root / "images" / split / "a.png")
        (root / "labels" / split).mkdir(parents=True)
        (root / "labels" / split / "a.txt").write_text("0 0 0 0.5 0 0.5 0.5\n")
    (root / "data.yaml").write_text("names: [c]\n")


def supervisely(root):
    points = {"exterior": np.reshape(SQUARE, (-1, 2)).tolist(), "interior": []}
    row = {"classTitle": "c", "geometryType": "polygon", "points": points}
    save_image(root / "ds" / "img" / "a.png")
    save_json(root / "ds" / "ann" / "a.png.json", {"size": {"height": 12, "width": 16}, "objects": [row]})
    save_json(root / "meta.json", {"classes": [{"title": "c"}]})


def via(root):
    save_image(root / "a.png")
    shape = {"name": "rect", "x": 0, "y": 0, "width": 4, "height": 4}
    save_json(root / "v.json", {"a": {"filename": "a.png", "regions": [{"shape_attributes": shape}]}})


def label_studio(root):
    save_image(root / "images" / "a.png")
    value = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["c"]}
    results = [{"id": "r", "type": "polygonlabels", "value": value, "original_width": 16, "original_height": 12}]
    save_json(root / "p.json", [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": results}]}])


def cvat(root):
    save_image(root / "images" / "a.png")
    shape = '<polygon label="c" points="0,0;4,0;4,4" z_order="0"/>'
    image = f'<image id="0" name="a.png" width="16" height="12">{shape}</image>'
    (root / "annotations.xml").write_text(f"<annotations>{image}</annotations>")


def voc(root):
    save_image(root / "JPEGImages" / "a.jpg")
    for kind in ("SegmentationClass", "SegmentationObject"):
        save_mask(root / kind / "a.png", box_mask(12, 16, (1, 0, 4, 0, 4)))


def panoptic(root):
    save_image(root / "a.jpg")
    save_mask(root / "p" / "a.png", np.dstack([box_mask(12, 16, (5, 0, 4, 0, 4)) + 1] + [np.zeros((12, 16))] * 2))
    segments = [{"id": 1, "category_id": 1}, {"id": 6, "category_id": 2}]
    rows = [{"image_id": 1, "file_name": "a.png", "segments_info": segments}]
    categories = [{"id": 1, "name": "sky", "isthing": 0}, {"id": 2, "name": "c", "isthing": 1}]
    image = {"id": 1, "file_name": "a.jpg", "width": 16, "height": 12}
    save_json(root / "p.json", {"images": [image], "annotations": rows, "categories": categories})


FORMATS = {
    "coco": coco, "coco-panoptic": panoptic, "labelme": labelme, "yolo": yolo, "supervisely": supervisely, "via": via,
    "label-studio": label_studio, "cvat": cvat, "voc": voc,
}  # fmt: skip


def written(root, name):
    """(the folder in a format, its split)"""
    root.mkdir()
    FORMATS[name](root)
    return root, "train" if name == "yolo" else None


def error_of(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def line_of(function, *arguments, **options):
    message = error_of(function, *arguments, **options)
    assert message.isprintable() and "ks.data.convert" in message, message
    return message


def follow(message):
    """Run the command in a message."""
    program, verb, source, out, *options = shlex.split(message.split("`")[1])
    assert (program, verb) == ("keras-seg", "convert")
    given = dict(zip([option.removeprefix("--") for option in options[::2]], options[1::2], strict=True))
    return convert(source, out, progress=False, **given)


@pytest.mark.parametrize("name", FORMATS)
def test_commands_can_be_followed(tmp_path, name):
    root, split = written(tmp_path / "my 'data'", name)
    message = line_of(scan_folder, root, split=split)
    assert f"is in the format {name} (" in message
    assert line_of(from_folder, root, split=split) == message
    assert line_of(diagnose, root).replace(" --task instances", "") == message
    report = follow(message)
    assert report.format == name
    assert scan_folder(report.path, split=split).class_pixels[1] > 0
    # The next command does not write to the same place.
    assert shlex.quote(f"{report.path}_2") in line_of(scan_folder, root, split=split)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_with_objects_gives_them(tmp_path, name):
    root, split = written(tmp_path / "d", name)
    message = line_of(scan_instances, root, split=split)
    assert message.split("`")[1].endswith("--task instances")
    report = follow(message)
    index = scan_instances(report.path, split=split, components=False, ignore_class=65535)
    assert index.object_counts.tolist() == [1]


def test_files_and_archives(tmp_path):
    path = coco(tmp_path / "d")
    assert follow(line_of(find_splits, path)).format == "coco"
    assert "is a file, not a folder" in error_of(find_splits, tmp_path / "d" / "a.png")
    (tmp_path / "x.zip").write_bytes(b"PK")
    assert "x.zip: is an archive. Run `keras-seg convert" in line_of(scan_folder, tmp_path / "x.zip")


def test_data_folders_beside_label_files_are_read(tmp_path):
    for folder, suffix in (("images", "jpg"), ("masks", "png")):
        save_image(tmp_path / folder / f"a.{suffix}")
    save_mask(tmp_path / "masks" / "a.png", box_mask(12, 16, (1, 0, 4, 0, 4)))
    coco(tmp_path / "export")
    assert scan_folder(tmp_path).num_classes == 2
    save_image(tmp_path / "images" / "b.jpg")
    assert "have no mask" in error_of(scan_folder, tmp_path)


def test_known_data_sets_are_read_with_settings(tmp_path):
    for split in ("train", "valid"):
        save_image(tmp_path / split / "a.jpg")
        save_mask(tmp_path / split / "a_mask.png", box_mask(12, 16, (1, 0, 4, 0, 4)))
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n")
    assert "is in the format roboflow-masks" in line_of(scan_folder, tmp_path, split="train")
    assert scan_folder(tmp_path, split="train", class_names=("background", "cat")).num_classes == 2
    save_json(tmp_path / "labels.json", {"names": ["background", "cat"]})
    assert scan_folder(tmp_path, split="train").class_names == ("background", "cat")


def test_a_path_that_begins_with_a_dash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    coco(tmp_path / "-d")
    assert "keras-seg convert ./-d ./-d_converted`" in line_of(scan_folder, "-d")


def test_boxes_have_no_command(tmp_path):
    save_image(tmp_path / "a.jpg")
    (tmp_path / "a.xml").write_text("<annotation><object></object></annotation>")
    message = error_of(scan_folder, tmp_path)
    assert "a.xml: holds the boxes of objects" in message and "convert" not in message
    assert "a.xml: holds the boxes of objects" in refused(tmp_path, tmp_path.with_name("out"))
