"""Formats that hold one mask file per image, each as a miniature in its own layout."""

import json
import re

import numpy as np
import pytest
from conversion_sources import converted, refused, save_image, save_json, save_mask
from PIL import Image

from keras_seg import InputError
from keras_seg.data import scan_folder, scan_instances

pytestmark = pytest.mark.tensorflow_only


def ids(*values):
    """A mask of 12x16 whose columns hold the values, four columns each."""
    return np.repeat(np.array([(*values, 0, 0, 0, 0)[:4]]), 4, axis=1).repeat(12, axis=0)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# Roboflow


def roboflow(root, values=(0, 1, 2, 0), table="Pixel Value, Class\n0, background\n1, cat\n2, big dog\n"):
    for split in ("train", "valid"):
        save_image(root / split / "a_jpg.rf.0a1b.jpg")
        save_mask(root / split / "a_jpg.rf.0a1b_mask.png", ids(*values))
        write(root / split / "_classes.csv", table)
    return root


def test_roboflow(tmp_path):
    root = roboflow(tmp_path / "rf")
    save_image(root / "train" / "b.jpg")
    report, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["background", "cat", "big dog"]} and report.format == "roboflow-masks"
    assert list(masks) == ["train/masks/a_jpg.rf.0a1b.png", "val/masks/a_jpg.rf.0a1b.png"]
    np.testing.assert_array_equal(masks["val/masks/a_jpg.rf.0a1b.png"], ids(0, 1, 2, 0))
    assert report.left_out == ("train/b.jpg",)


def test_roboflow_wrong(tmp_path):
    assert "_mask.png: holds 3, which is no class" in refused(roboflow(tmp_path / "a", (3,)), tmp_path / "out")
    root = roboflow(tmp_path / "b", table="Pixel Value, Class\n0, cat\n1, dog\n")
    assert "the value 0 is 'cat'" in refused(root, tmp_path / "out")
    root = roboflow(tmp_path / "c", table="Pixel Value, Class\n0, background\nx, dog\n")
    assert "_classes.csv, line 3" in refused(root, tmp_path / "out")
    root = roboflow(tmp_path / "d")
    write(root / "valid" / "_classes.csv", "Pixel Value, Class\n0, background\n1, big dog\n2, cat\n")
    assert "valid/_classes.csv: differs from train/_classes.csv" in refused(root, tmp_path / "out")
    assert "does not tell objects apart" in refused(roboflow(tmp_path / "e"), tmp_path / "out", task="instances")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("val", "valid"), "valid/_classes.csv: val/_classes.csv holds labels of the same kind for val."),
        (("one", "two"), "two/_classes.csv: one/_classes.csv holds labels of the same kind."),
        (("extra", "train"), "extra/_classes.csv: belongs to no split, unlike the other label files."),
        ((".", "train"), "_classes.csv: belongs to no split, unlike the other label files."),
    ],
)
def test_no_folder_of_roboflow_is_dropped(tmp_path, folders, message):
    """Folders of one split took each other's place, and a table outside of the folders that of all."""
    for number, folder in enumerate(folders):
        save_image(tmp_path / "rf" / folder / f"a{number}.jpg")
        save_mask(tmp_path / "rf" / folder / f"a{number}_mask.png", ids(0, 1, 0, 0))
        write(tmp_path / "rf" / folder / "_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n")
    line = refused(tmp_path / "rf", tmp_path / "out")
    assert line.startswith(message) and re.search("Pass one (of the two folders|folder) as the source", line)
    # As the line says.
    assert list(converted(tmp_path / "rf" / folders[1], tmp_path / "out")[1]) == ["masks/a1.png"]


# images/train beside masks/train


def transposed(root, values, yaml):
    for split in ("train", "val"):
        save_image(root / "images" / split / "a.jpg")
        save_mask(root / "masks" / split / "a.png", ids(*values))
    if yaml:
        write(root / "data.yaml", yaml)
    return root


def test_images_train_beside_masks_train(tmp_path):
    root = transposed(tmp_path / "us", (0, 1, 2, 255), "path: .\nnames:\n  0: road\n  1: sky\n  2: car\n")
    report, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["road", "sky", "car"], "ignore_class": 255} and report.format == "split-masks"
    np.testing.assert_array_equal(masks["train/masks/a.png"], ids(0, 1, 2, 255))
    assert report.splits == {"train": 1, "val": 1}
    assert scan_folder(tmp_path / "out", split="train").num_classes == 3


def test_label_mapping(tmp_path):
    yaml = "names: [road, sky]\nlabel_mapping:\n  -1: ignore_label\n  7: 0\n  23: 1\n  4: 255\n"
    _, masks, _ = converted(transposed(tmp_path / "us", (7, 23, 4, 7), yaml), tmp_path / "out")
    np.testing.assert_array_equal(masks["val/masks/a.png"], ids(0, 1, 255, 0))
    assert "a.png: holds 8" in refused(transposed(tmp_path / "us2", (7, 8, 4, 7), yaml), tmp_path / "out2")


def test_folders_beside_the_splits_are_named(tmp_path):
    root = transposed(tmp_path / "us", (0, 1, 2, 255), "names: [road, sky, car]\n")
    for folder in ("extra", "test"):
        save_image(root / "images" / folder / "z.jpg")
    (tmp_path / "elsewhere").mkdir()
    (root / "images" / "val2").symlink_to(tmp_path / "elsewhere")
    report, masks, _ = converted(root, tmp_path / "out")
    assert list(masks) == ["train/masks/a.png", "val/masks/a.png"]
    assert report.notices == (
        "images/extra/ is no split, and is left out.",
        "images/test/ has no masks, and is left out.",
        "images/val2/ is a link out of the source, and is left out.",
    )


def test_without_names(tmp_path):
    report, _, names = converted(transposed(tmp_path / "us", (0, 3, 255), None), tmp_path / "out")
    assert names["names"] == ["background", "class_1", "class_2", "class_3"] and report.notices


@pytest.mark.parametrize(
    ("yaml", "names"),
    [
        (None, ["background", "class_1"]),
        ("names: [crack]\n", ["background", "crack"]),
        ("names: [wall, crack]\n", ["wall", "crack"]),
    ],
)
@pytest.mark.parametrize("blurred", [False, True])
def test_black_and_white_masks_are_two_classes(tmp_path, yaml, names, blurred):
    """White was taken for ignored pixels, and nothing but the background was left."""
    root = transposed(tmp_path / "us", (0, 255), yaml)
    values = ids(0, 255)
    if blurred:
        values[0] = np.linspace(20, 235, 16)
        save_mask(root / "masks" / "train" / "a.png", values)
    report, masks, content = converted(root, tmp_path / "out")
    assert content == {"names": names} and report.format == "split-masks"
    np.testing.assert_array_equal(masks["train/masks/a.png"], values >= 128)
    np.testing.assert_array_equal(masks["val/masks/a.png"], ids(0, 1))
    assert report.notices[-1] == f"Masks are black and white: white is the class {names[1]!r}."


def test_white_beside_ids_is_ignored(tmp_path):
    root = transposed(tmp_path / "us", (0, 255), "names: [wall, crack]\n")
    save_mask(root / "masks" / "val" / "a.png", ids(0, 1))
    _, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["wall", "crack"], "ignore_class": 255}
    np.testing.assert_array_equal(masks["train/masks/a.png"], ids(0, 255))
    np.testing.assert_array_equal(masks["val/masks/a.png"], ids(0, 1))


# Pascal VOC and CVAT

VOC_PALETTE = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]


def test_voc(tmp_path):
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("2007_1", "2007_2", "2007_3"):
        save_image(root / "JPEGImages" / f"{name}.jpg")
    for name in ("2007_1", "2007_2"):
        palette = VOC_PALETTE + [(9, 9, 9)] * 251
        save_mask(root / "SegmentationClass" / f"{name}.png", ids(0, 1, 20, 255), colors=palette)
        save_mask(root / "SegmentationObject" / f"{name}.png", ids(0, 1, 2, 255), colors=palette)
    lists = root / "ImageSets" / "Segmentation"
    write(lists / "train.txt", "2007_1\n")
    write(lists / "val.txt", "2007_2\n")
    write(lists / "trainval.txt", "2007_1\n2007_2\n")
    report, masks, names = converted(tmp_path / "VOCdevkit", tmp_path / "out", task="instances")
    assert len(names["names"]) == 21 and names["names"][20] == "tvmonitor" and names["ignore_class"] == 255
    assert report.notices[0] == "There is no labelmap.txt: classes have the names of Pascal VOC."
    np.testing.assert_array_equal(masks["train/masks/2007_1.png"], ids(0, 1, 20, 255))
    assert list(masks) == ["train/masks/2007_1.png", "val/masks/2007_2.png"] and report.splits == {"train": 1, "val": 1}
    index = scan_instances(tmp_path / "out", split="val", ignore_class=65535)
    np.testing.assert_array_equal(index.read_labels(0), ids(0, 1, 2, -1))
    write(lists / "val.txt", "2007_1\n")
    assert "lists 2007_1, as ImageSets/Segmentation/train.txt does" in refused(root, tmp_path / "out2")


def painted(classes, colors):
    return np.array(colors, "uint8")[classes]


def test_cvat_masks_in_colors(tmp_path):
    root = tmp_path / "cvat"
    write(
        root / "labelmap.txt",
        "# label:color_rgb:parts:actions\ncar:250,50,83::\nbackground:0,0,0::\nsky: 51,221,255::\n",
    )
    save_image(root / "JPEGImages" / "sub" / "a.png")
    colors = [(0, 0, 0), (250, 50, 83), (51, 221, 255), (1, 2, 3)]
    save_mask(root / "SegmentationClass" / "sub" / "a.png", painted(ids(0, 1, 2, 1), colors))
    write(root / "ImageSets" / "Segmentation" / "default.txt", "sub/a\nsub/b\n")
    report, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["background", "car", "sky"]} and report.left_out == ("sub/b",)
    np.testing.assert_array_equal(masks["masks/sub_a.png"], ids(0, 1, 2, 1))
    # Values without colors are line numbers.
    save_mask(root / "SegmentationClass" / "sub" / "a.png", ids(0, 1, 2, 0))
    _, masks, _ = converted(root, tmp_path / "out2")
    np.testing.assert_array_equal(masks["masks/sub_a.png"], ids(1, 0, 2, 1))
    save_mask(root / "SegmentationClass" / "sub" / "a.png", painted(ids(0, 3, 2, 1), colors))
    assert "sub/a.png: the color (1, 2, 3) is not in the list" in refused(root, tmp_path / "out3")
    write(root / "labelmap.txt", "background:0,0,0::\ncar:0,0::\n")
    assert "labelmap.txt, line 2" in refused(root, tmp_path / "out3")


def test_black_on_white_is_read_as_it_was_converted(tmp_path):
    """With a palette of white paper and black ink, the scan read the ink as paper."""
    root = tmp_path / "voc"
    save_image(root / "JPEGImages" / "a.png")
    write(root / "labelmap.txt", "paper:255,255,255::\nink:0,0,0::\n")
    save_mask(root / "SegmentationClass" / "a.png", painted(ids(0, 1, 0, 0), [(255, 255, 255), (0, 0, 0)]))
    _, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["paper", "ink"]}
    np.testing.assert_array_equal(masks["masks/a.png"], ids(0, 1, 0, 0))
    np.testing.assert_array_equal(scan_folder(tmp_path / "out").read_labels(0), ids(0, 1, 0, 0))


def test_voc_of_labelme_has_its_own_classes(tmp_path):
    """labelme2voc.py lists them in class_names.txt: they were called by the names of Pascal VOC."""
    root = tmp_path / "voc"
    save_image(root / "JPEGImages" / "a.jpg")
    save_image(root / "SegmentationClassVisualization" / "a.jpg")
    palette = VOC_PALETTE + [(9, 9, 9)] * 251
    save_mask(root / "SegmentationClass" / "a.png", ids(0, 1, 2, 255), colors=palette)
    save_mask(root / "SegmentationObject" / "a.png", ids(0, 1, 2, 0), colors=palette)
    write(root / "class_names.txt", "_background_\ncrack\nrust")
    report, masks, names = converted(root, tmp_path / "out", task="instances")
    assert names == {"names": ["background", "crack", "rust"], "ignore_class": 255} and report.format == "voc"
    np.testing.assert_array_equal(masks["masks/a.png"], ids(0, 1, 2, 255))
    assert not any("Pascal VOC" in line for line in report.notices)
    write(root / "class_names.txt", "_background_\ncrack")
    assert "SegmentationClass/a.png: holds 2, which is no class" in refused(root, tmp_path / "out2")
    write(root / "class_names.txt", "\n".join(f"c{number}" for number in range(256)))
    assert refused(root, tmp_path / "out2").startswith(
        "class_names.txt: lists 256 classes, and masks hold at most 255."
    )


def test_voc_boxes_are_no_masks(tmp_path):
    root = tmp_path / "voc"
    save_image(root / "JPEGImages" / "a.jpg")
    write(root / "Annotations" / "a.xml", "<annotation><object><bndbox></bndbox></object></annotation>")
    assert refused(root, tmp_path / "out").startswith("Annotations/a.xml: holds the boxes of objects, and masks need")
    assert "holds the boxes" in refused(root, tmp_path / "out", format="voc")
    save_mask(root / "SegmentationClass" / "a.png", ids(0, 1, 20, 255))
    assert converted(root, tmp_path / "out")[0].format == "voc"


# Cityscapes and KITTI


def cityscapes(root, values, *, kind="labelIds"):
    stem = "aachen_000000_000019"
    save_image(root / "leftImg8bit" / "train" / "aachen" / f"{stem}_leftImg8bit.png")
    folder = root / "gtFine" / "train" / "aachen"
    save_mask(folder / f"{stem}_gtFine_{kind}.png", ids(*values))
    save_image(folder / f"{stem}_gtFine_color.png")
    save_json(folder / f"{stem}_gtFine_polygons.json", {"imgHeight": 12, "imgWidth": 16, "objects": []})
    return root


def test_cityscapes_label_ids_become_train_ids(tmp_path):
    root = cityscapes(tmp_path / "cs", (7, 26, 33, 255))
    objects = np.array([[7, 26001, 33, 255]], "uint16").repeat(4, 1).repeat(12, 0)
    save_mask(root / "gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png", objects)
    report, masks, names = converted(root, tmp_path / "out", task="instances")
    np.testing.assert_array_equal(masks["train/masks/aachen_000000_000019_leftImg8bit.png"], ids(0, 13, 18, 255))
    assert len(names["names"]) == 19 and names["names"][13] == "car" and report.format == "cityscapes"
    index = scan_instances(tmp_path / "out", split="train", ignore_class=65535, components=False)
    np.testing.assert_array_equal(index.read_labels(0), ids(0, 1, -1, -1))


def test_every_label_id_of_cityscapes_has_its_train_id():
    from keras_seg.data.conversion.formats.cityscapes import LABEL_IDS, NAMES

    # Label ids in the order of train ids, as the scripts of the data set list them.
    order = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert [LABEL_IDS[label] for label in order] == list(range(19)) and len(NAMES) == 19
    assert sorted(LABEL_IDS) == [*range(34), 255]
    assert all(LABEL_IDS[label] == -1 for label in LABEL_IDS if label not in order)


def test_cityscapes_train_ids_are_taken_as_they_are(tmp_path):
    root = cityscapes(tmp_path / "cs", (0, 13, 18, 255), kind="labelTrainIds")
    _, masks, _ = converted(root, tmp_path / "out")
    np.testing.assert_array_equal(masks["train/masks/aachen_000000_000019_leftImg8bit.png"], ids(0, 13, 18, 255))
    assert "holds 34, which is no class" in refused(cityscapes(tmp_path / "cs2", (34,)), tmp_path / "out2")


CVAT_COLORS = "0 0 0 background\n250 50 83 car\n51 221 255 big sky\n"


def cityscapes_of_cvat(root, subset, name="a"):
    write(root / "label_colors.txt", CVAT_COLORS)
    save_mask(root / "gtFine" / subset / f"{name}_gtFine_labelIds.png", ids(0, 1, 2, 1))
    objects = np.array([[0, 1001, 2001, 1002]], "uint16").repeat(4, 1).repeat(12, 0)
    save_mask(root / "gtFine" / subset / f"{name}_gtFine_instanceIds.png", objects)
    save_image(root / "gtFine" / subset / f"{name}_gtFine_color.png")
    return save_image(root / "imgsFine" / "leftImg8bit" / subset / f"{name}_leftImg8bit.png")


def test_cityscapes_of_cvat_has_its_own_classes(tmp_path):
    """Ids below 7 are ignored in Cityscapes, and the others were called road, sidewalk and so on."""
    root = tmp_path / "export"
    image = cityscapes_of_cvat(root, "default")
    save_image(image.with_name("b_leftImg8bit.png"))
    report, masks, names = converted(root, tmp_path / "out", task="instances")
    assert names == {"names": ["background", "car", "big sky"]} and report.format == "cityscapes"
    assert list(masks) == ["masks/a.png"]
    np.testing.assert_array_equal(masks["masks/a.png"], ids(0, 1, 2, 1))
    np.testing.assert_array_equal(scan_instances(tmp_path / "out", components=False).read_labels(0), ids(0, 1, 3, 2))
    assert report.left_out == ("imgsFine/leftImg8bit/default/b_leftImg8bit.png",)
    # Without the images, which lie elsewhere by their own names.
    (tmp_path / "photos").mkdir()
    image.rename(tmp_path / "photos" / "a.png")
    assert "`images`" in refused(root, tmp_path / "out2")
    assert converted(root, tmp_path / "out2", images=tmp_path / "photos")[0].splits == {"": 1}
    save_mask(root / "gtFine" / "default" / "a_gtFine_labelIds.png", ids(0, 1, 2, 3))
    line = refused(root, tmp_path / "out3", images=tmp_path / "photos")
    assert "a_gtFine_labelIds.png: holds 3, which is no class" in line


def test_subsets_of_cityscapes_of_cvat(tmp_path):
    for subset, name in (("Train", "street/a"), ("Validation", "a")):
        cityscapes_of_cvat(tmp_path / "export", subset, name)
    assert list(converted(tmp_path / "export", tmp_path / "out")[1]) == ["train/masks/street_a.png", "val/masks/a.png"]
    cityscapes_of_cvat(tmp_path / "export", "more")
    masks = converted(tmp_path / "export", tmp_path / "out2")[1]
    assert list(masks) == ["masks/Train_street_a.png", "masks/Validation_a.png", "masks/more_a.png"]


def test_kitti(tmp_path):
    root = tmp_path / "kitti"
    save_image(root / "training" / "image_2" / "000000_10.png")
    save_mask(root / "training" / "semantic" / "000000_10.png", ids(7, 26, 0, 23))
    save_image(root / "training" / "semantic_rgb" / "000000_10.png")
    save_image(root / "testing" / "image_2" / "000000_10.png")
    report, masks, _ = converted(root, tmp_path / "out")
    np.testing.assert_array_equal(masks["masks/000000_10.png"], ids(0, 13, 255, 10))
    assert report.notices == ("testing/ has no labels, and is left out.",)


def kitti_objects(root, folder, values):
    """Semantic and instance maps of two columns per value (label, number)."""
    labels, numbers = np.array(values).T
    save_mask(root / folder / "semantic" / "a.png", ids(*labels))
    both = (labels * 256 + numbers).astype("uint16")
    save_mask(root / folder / "instance" / "a.png", both[None].repeat(4, 1).repeat(12, 0))


def test_objects_of_kitti(tmp_path):
    root = tmp_path / "kitti"
    save_image(root / "training" / "image_2" / "a.png")
    # A car, a car that is not told apart, the road, the license plate.
    kitti_objects(root, "training", [(26, 1), (26, 0), (7, 0), (1, 0)])
    _, masks, _ = converted(root, tmp_path / "out", task="instances")
    np.testing.assert_array_equal(masks["masks/a.png"], ids(13, 13, 0, 255))
    index = scan_instances(tmp_path / "out", ignore_class=65535, components=False)
    np.testing.assert_array_equal(index.read_labels(0), ids(1, -1, 0, -1))
    (root / "training" / "instance" / "a.png").unlink()
    assert "instance/a.png is missing" in refused(root, tmp_path / "out2", task="instances")


def test_kitti_of_cvat(tmp_path):
    root = tmp_path / "export"
    write(root / "label_colors.txt", CVAT_COLORS)
    write(root / "labels.txt", "")
    kitti_objects(root, "default", [(1, 1), (1, 2), (2, 1), (0, 0)])
    save_image(tmp_path / "photos" / "a.png")
    assert "`images`" in refused(root, tmp_path / "out")
    report, masks, names = converted(root, tmp_path / "out", images=tmp_path / "photos", task="instances")
    assert names == {"names": ["background", "car", "big sky"]} and report.format == "kitti"
    np.testing.assert_array_equal(masks["masks/a.png"], ids(1, 1, 2, 0))
    index = scan_instances(tmp_path / "out", components=False)
    np.testing.assert_array_equal(index.read_labels(0), ids(1, 2, 3, 0))
    save_image(root / "default" / "image_2" / "a.png")
    assert converted(root, tmp_path / "out2")[0].splits == {"": 1}
    save_mask(root / "default" / "semantic" / "a.png", ids(0, 1, 2, 3))
    assert "semantic/a.png: holds 3, which is no class" in refused(root, tmp_path / "out3")


# ADE20K


def test_ade20k_zero_is_ignored_and_classes_move_down(tmp_path):
    root = tmp_path / "ADEChallengeData2016"
    for split in ("training", "validation"):
        save_image(root / "images" / split / "ADE_1.jpg")
        save_mask(root / "annotations" / split / "ADE_1.png", ids(0, 1, 150, 2))
    rows = [
        f"{n}\t0.1\t1\t1\t{'wall, x' if n == 1 else 'screen' if n in (2, 3) else f'thing {n}'}" for n in range(1, 151)
    ]
    write(root / "objectInfo150.txt", "Idx\tRatio\tTrain\tVal\tName\n" + "\n".join(rows))
    report, masks, names = converted(root, tmp_path / "out")
    np.testing.assert_array_equal(masks["val/masks/ADE_1.png"], ids(255, 0, 149, 1))
    assert names["names"][:3] == ["wall", "screen 2", "screen 3"] and len(names["names"]) == 150
    assert report.format == "ade20k"
    (root / "objectInfo150.txt").unlink()
    report, _, names = converted(root, tmp_path / "out2")
    assert names["names"][0] == "class_1" and report.notices


# CamVid


def test_camvid_of_segnet(tmp_path):
    root = tmp_path / "CamVid"
    for split in ("train", "val", "test"):
        save_image(root / split / "0001TP.png")
        save_mask(root / f"{split}annot" / "0001TP.png", ids(0, 10, 11, 3))
    report, masks, names = converted(root, tmp_path / "out")
    np.testing.assert_array_equal(masks["test/masks/0001TP.png"], ids(0, 10, 255, 3))
    assert names["names"][0] == "Sky" and len(names["names"]) == 11 and report.splits["test"] == 1


def test_camvid_in_colors(tmp_path):
    root = tmp_path / "CamVid"
    write(root / "label_colors.txt", "64 128 64\tAnimal\n0 0 0\t\tVoid\n192 0 128 Archway\n")
    save_image(root / "701_StillsRaw_full" / "0001TP.png")
    colors = [(64, 128, 64), (0, 0, 0), (192, 0, 128), (1, 1, 1)]
    save_mask(root / "LabeledApproved_full" / "0001TP_L.png", painted(ids(0, 1, 2, 0), colors))
    _, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["Animal", "Archway"], "ignore_class": 255}
    np.testing.assert_array_equal(masks["masks/0001TP.png"], ids(0, 255, 1, 0))
    save_mask(root / "LabeledApproved_full" / "0001TP_L.png", painted(ids(0, 3, 2, 0), colors))
    assert "0001TP_L.png: the color (1, 1, 1) is not in" in refused(root, tmp_path / "out2")


# nnU-Net


def nnunet(root, labels, **more):
    content = {"channel_names": {"0": "MRI"}, "labels": labels, "numTraining": 1, "file_ending": ".png", **more}
    save_json(root / "dataset.json", content)
    save_image(root / "imagesTr" / "case_1_0000.png")
    save_mask(root / "labelsTr" / "case_1.png", ids(0, 1, 2, 3))
    return root


def test_nnunet(tmp_path):
    root = nnunet(tmp_path / "Dataset001_X", {"background": 0, "liver": 1, "tumor": 2, "ignore": 3})
    _, masks, names = converted(root, tmp_path / "out")
    assert names == {"names": ["background", "liver", "tumor"], "ignore_class": 255}
    np.testing.assert_array_equal(masks["masks/case_1.png"], ids(0, 1, 2, 255))


@pytest.mark.parametrize(
    ("labels", "more", "message"),
    [
        ({"background": 0, "whole": [1, 2], "core": 2}, {}, "'whole' is a region of several labels"),
        ({"background": 0, "a": 2}, {}, "do not count up from 0"),
        ({"background": 0, "a": "1"}, {}, "the label of 'a' is '1'"),
        ({"background": 0, "a": 1}, {"channel_names": {"1": "T1"}}, r"channel_names numbers \['1'\]"),
        ({"background": 0, "a": 1}, {"file_ending": ".nii.gz"}, "file_ending is '.nii.gz'"),
    ],
)
def test_nnunet_wrong(tmp_path, labels, more, message):
    assert re.search(f"^dataset.json: .*{message}", refused(nnunet(tmp_path / "nn", labels, **more), tmp_path / "out"))


MRI = {"background": 0, "a": 1, "b": 2, "c": 3}


def several_channels(root, *arrays, ending="png"):
    """A case with a file per channel."""
    nnunet(root, MRI, channel_names={str(n): f"T{n}" for n in range(len(arrays))})
    for number, values in enumerate(arrays):
        Image.fromarray(values).save(root / "imagesTr" / f"case_1_{number:04d}.png")
    return root


def levels(number, dtype="uint8"):
    return np.random.default_rng(number).integers(0, np.iinfo(dtype).max, (12, 16), dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_nnunet_channels_are_stacked(tmp_path, dtype):
    arrays = [levels(number, dtype) for number in range(4)]
    root = several_channels(tmp_path / "nn", *arrays)
    report, masks, _ = converted(root, tmp_path / "out")
    stored = np.load(tmp_path / "out" / "images" / "case_1.npy")
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, np.stack(arrays, -1))
    np.testing.assert_array_equal(masks["masks/case_1.png"], ids(0, 1, 2, 3))
    assert any("(T0, T1, T2, T3)" in line and "channels=4" in line for line in report.notices)
    assert scan_folder(tmp_path / "out", channels=4).common_size == (12, 16)
    with pytest.raises(InputError, match="has 4 channels, not 3. Pass channels=4"):
        scan_folder(tmp_path / "out")


def test_nnunet_channels_of_two_bit_depths_are_on_one_scale(tmp_path):
    arrays = [levels(0), levels(1, "uint16")]
    converted(several_channels(tmp_path / "nn", *arrays), tmp_path / "out")
    stored = np.load(tmp_path / "out" / "images" / "case_1.npy")
    np.testing.assert_allclose(stored, np.stack([arrays[0], arrays[1] / 257], -1), rtol=1e-6)


def test_nnunet_one_file_of_all_channels(tmp_path):
    root = nnunet(tmp_path / "nn", MRI, channel_names={"0": "R", "1": "G", "2": "B"})
    report, _, _ = converted(root, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out" / "images").iterdir()] == ["case_1.png"] and not report.notices


def test_nnunet_channels_that_are_missing(tmp_path):
    root = several_channels(tmp_path / "nn", levels(0), levels(1), levels(2))
    (root / "imagesTr" / "case_1_0001.png").rename(root / "imagesTr" / "case_1_0005.png")
    assert "names 3 channels, and case_1_0001 is missing" in refused(root, tmp_path / "out")
    for number in (2, 5):
        (root / "imagesTr" / f"case_1_000{number}.png").unlink()
    message = refused(root, tmp_path / "out")
    assert message.startswith("imagesTr/case_1_0000.png: has 1 channel, but dataset.json names 3 (T0, T1, T2)")
    root = several_channels(tmp_path / "more", levels(0))
    save_image(root / "imagesTr" / "case_1_0001.png")
    assert "names 1 channel, and case_1_0001.png is one more" in refused(root, tmp_path / "out")
    root = several_channels(tmp_path / "sizes", levels(0), levels(1)[:5])
    assert "case_1_0001.png: has 5x16 pixels" in refused(root, tmp_path / "out")
    root = several_channels(tmp_path / "colors", levels(0), np.dstack([levels(0), levels(1), levels(2)]))
    assert "case_1_0001.png: holds colors" in refused(root, tmp_path / "out")


# Images elsewhere


@pytest.mark.parametrize("name", ["roboflow-masks", "split-masks", "nnunet"])
def test_formats_that_do_not_look_elsewhere(tmp_path, name):
    """`images` had no effect, and was said to help where an image is missing."""
    if name == "roboflow-masks":
        root = roboflow(tmp_path / "d")
        image = root / "train" / "a_jpg.rf.0a1b.jpg"
    elif name == "split-masks":
        root = transposed(tmp_path / "d", (0, 1), None)
        image = root / "images" / "train" / "a.jpg"
    else:
        root = nnunet(tmp_path / "d", MRI)
        image = root / "imagesTr" / "case_1_0000.png"
    elsewhere = tmp_path / "photos"
    elsewhere.mkdir()
    image.rename(elsewhere / image.name)
    line = refused(root, tmp_path / "out")
    assert "Put it there, or pass `allow_orphans=True`" in line and "`images`" not in line
    line = refused(root, tmp_path / "out", images=elsewhere)
    assert line.startswith(f"`images` has no effect: the format {name} finds images by the folders of the source.")


# Mapillary


def test_mapillary(tmp_path):
    root = tmp_path / "vistas"
    rows = [
        {"name": "animal--bird", "color": [165, 42, 42], "instances": True},
        {"name": "construction--road", "color": [128, 64, 128], "instances": False},
        {"name": "void--unlabeled", "color": [0, 0, 0], "instances": False},
    ]
    save_json(root / "config_v1.2.json", {"labels": rows})
    for split in ("training", "validation"):
        save_image(root / split / "images" / "a.jpg")
        save_mask(root / split / "v1.2" / "labels" / "a.png", ids(0, 1, 2, 0), colors=[row["color"] for row in rows])
        objects = np.array([[0, 256, 512, 1]], "uint16").repeat(4, 1).repeat(12, 0)
        save_mask(root / split / "v1.2" / "instances" / "a.png", objects)
    report, masks, names = converted(root, tmp_path / "out", task="instances")
    assert names == {"names": ["animal--bird", "construction--road"], "ignore_class": 255}
    np.testing.assert_array_equal(masks["val/masks/a.png"], ids(0, 1, 255, 0))
    index = scan_instances(tmp_path / "out", split="train", ignore_class=65535)
    np.testing.assert_array_equal(index.read_labels(0), ids(1, 0, -1, 2))
    assert json.loads((tmp_path / "out" / "labels.json").read_text())["ignore_class"] == report.ignore_class


def test_the_palette_is_that_of_the_classes(tmp_path):
    converted(cityscapes(tmp_path / "cs", (7, 26, 33, 255)), tmp_path / "out")
    with Image.open(next((tmp_path / "out").rglob("masks/*.png"))) as mask:
        colors = np.array(mask.convert("RGB"))[0, ::4].tolist()
    assert colors == [[128, 64, 128], [0, 0, 142], [119, 11, 32], [255, 255, 255]]
