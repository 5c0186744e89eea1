"""Sources that are damaged, ambiguous, or made to harm."""

import base64
import errno
import io
import json
import os
import pathlib
import shutil
import stat
import zipfile
import zlib

import numpy as np
import pytest
import tifffile
from conversion_sources import converted, refused, save_image, save_json, save_mask
from PIL import Image

from keras_seg import InputError
from keras_seg.data import convert
from keras_seg.data.conversion import source as source_module
from keras_seg.data.conversion import unpacking

pytestmark = pytest.mark.tensorflow_only

SQUARE = [0, 0, 4, 0, 4, 4, 0, 4]


def coco(root, name="a.png"):
    save_image(root / "a.png")
    row = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE], "iscrowd": 0}
    image = {"id": 1, "file_name": name, "width": 16, "height": 12}
    categories = [{"id": 1, "name": "car"}]
    save_json(root / "labels.json", {"images": [image], "annotations": [row], "categories": categories})
    return root


def zipped(path, folder, *, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("prefix", ["", "export/"])
def test_archives(tmp_path, prefix):
    report, masks, _ = converted(zipped(tmp_path / "a.zip", coco(tmp_path / "c"), prefix=prefix), tmp_path / "out")
    assert report.format == "coco" and masks["masks/a.png"].sum() == 16


@pytest.mark.parametrize("name", ["../x.txt", "/x.txt", "a/../../x.txt", "C:/x.txt", "..\\x.txt"])
def test_archives_that_climb(tmp_path, name):
    archive = zipped(tmp_path / "a.zip", coco(tmp_path / "c"))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(name, "x")
    assert "would be written outside" in refused(archive, tmp_path / "out")


def test_archives_with_links(tmp_path):
    archive = zipped(tmp_path / "a.zip", coco(tmp_path / "c"))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    assert "or is a link" in refused(archive, tmp_path / "out")


def test_archives_that_explode(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "_SMALL", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.json", b" " * 5_000_000)
    assert "as in a decompression bomb" in refused(tmp_path / "a.zip", tmp_path / "out")


def test_archives_that_lie_about_their_size(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.json", b"1234567890" * 100)
    data = path.read_bytes()
    # The size of 1000 in both headers.
    path.write_bytes(data.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    assert str(path) in refused(path, tmp_path / "out")


def test_damaged_archives(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 no archive")
    assert "cannot be unpacked" in refused(tmp_path / "a.zip", tmp_path / "out")


def test_links_that_leave_the_source(tmp_path):
    root = coco(tmp_path / "c", "link.png")
    os.symlink(save_image(tmp_path / "secret.png"), root / "link.png")
    assert "labels.json: image 1: 'link.png' leads out of" in refused(root, tmp_path / "out")


def test_linked_folders_are_not_entered(tmp_path):
    root = tmp_path / "c"
    save_image(root / "images" / "a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0 0 1 0 1 1")
    os.symlink(tmp_path / "labels", root / "labels")
    assert "no known format" in refused(root, tmp_path / "out")


def test_label_files_of_over_a_gigabyte(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "_MAX_JSON", 100)
    assert "labels.json: has 0.0 GB, and 1 GB is the most" in refused(coco(tmp_path / "c"), tmp_path / "out")


@pytest.mark.parametrize("text", ["{", "[" * 200_000, "\xff\xfe{", ""])
def test_broken_label_files(tmp_path, text):
    root = coco(tmp_path / "c")
    (root / "labels.json").write_bytes(text.encode("latin-1"))
    message = refused(root, tmp_path / "out")
    assert message.startswith(("labels.json: is not valid JSON", "labels.json: begins as UTF-16 text and is damaged"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_label_files_as_windows_writes_them(tmp_path, encoding):
    root = coco(tmp_path / "c")
    text = (root / "labels.json").read_text(encoding="utf-8")
    (root / "labels.json").write_text(text, encoding=encoding)
    assert converted(root, tmp_path / "out")[0].format == "coco"


def test_label_files_in_latin_1(tmp_path):
    root = coco(tmp_path / "c")
    text = (root / "labels.json").read_text(encoding="utf-8").replace('"car"', '"cä"')
    (root / "labels.json").write_text(text, encoding="latin-1")
    assert "labels.json: is not UTF-8 text (byte 0xe4 in line 1)" in refused(root, tmp_path / "out")


def test_images_that_hold_less_than_they_claim(tmp_path):
    root = coco(tmp_path / "c")
    data = (root / "a.png").read_bytes()
    (root / "a.png").write_bytes(data[: len(data) // 2])
    assert "a.png: the image cannot be read" in refused(root, tmp_path / "out")
    (root / "a.png").write_bytes(b"no image")
    assert "a.png: the image cannot be read" in refused(root, tmp_path / "out")


def test_images_that_claim_everything(tmp_path):
    root = coco(tmp_path / "c")
    Image.new("1", (1, 1)).save(root / "a.bmp")
    data = bytearray((root / "a.bmp").read_bytes())
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    (root / "a.bmp").write_bytes(data)
    (root / "a.png").unlink()
    coco_text = (root / "labels.json").read_text().replace("a.png", "a.bmp")
    (root / "labels.json").write_text(coco_text)
    assert "a.bmp" in refused(root, tmp_path / "out")


def voc_objects(root):
    save_image(root / "JPEGImages" / "a.jpg")
    for kind in ("SegmentationClass", "SegmentationObject"):
        save_mask(root / kind / "a.png", np.eye(12, 16))
    return root


def panoptic(root):
    save_image(root / "val2017" / "a.jpg")
    save_mask(root / "annotations" / "panoptic_val2017" / "a.png", np.full((12, 16, 3), 7))
    content = {
        "images": [{"id": 5, "file_name": "a.jpg", "width": 16, "height": 12}],
        "annotations": [
            {"image_id": 5, "file_name": "a.png", "segments_info": [{"id": 7 * (1 + 256 + 65536), "category_id": 1}]}
        ],
        "categories": [{"id": 1, "name": "car", "isthing": 1}],
    }
    save_json(root / "annotations" / "panoptic_val2017.json", content)
    return root


MASKS = {
    "SegmentationClass/a.png": voc_objects,
    "SegmentationObject/a.png": voc_objects,
    "annotations/panoptic_val2017/a.png": panoptic,
}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (POINTER, "is a pointer of Git LFS, not the file itself. Fetch it"),
        (b"", "the mask cannot be read (not an image: the file is empty)"),
        (b"<!DOCTYPE html><html>Sign in</html>", "the mask cannot be read (not an image, or"),
    ],
)
def test_masks_that_are_no_images(tmp_path, name, content, message):
    root = MASKS[name](tmp_path / "d")
    (root / name).write_bytes(content)
    assert f"{name}: {message}" in refused(root, tmp_path / "out", task="instances")


def test_masks_of_one_channel_number_no_segments(tmp_path):
    root = panoptic(tmp_path / "d")
    save_mask(root / "annotations" / "panoptic_val2017" / "a.png", np.eye(12, 16))
    assert "a.png is not an RGB image of 8 bits (L, 8 bits)" in refused(root, tmp_path / "out")


def test_the_limits_of_pillow_are_not_ours(tmp_path, monkeypatch):
    """It refuses images of many pixels, and TIFF files of five bands."""
    roots = [make(tmp_path / make.__name__) for make in (voc_objects, panoptic)]
    large = coco(tmp_path / "large")
    save_image(large / "a.png", 24, 32)
    bands = coco(tmp_path / "bands", "a.tif")
    values = np.arange(24 * 32 * 5, dtype="uint16").reshape(24, 32, 5).astype("uint8")
    tifffile.imwrite(bands / "a.tif", values, photometric="minisblack", planarconfig="contig")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    for number, root in enumerate(roots):
        assert len(converted(root, tmp_path / f"out{number}", task="instances")[1]) == 1
    # The orientation of an image is looked up where the labels have another size.
    assert converted(large, tmp_path / "out_large")[0].resized == ("a.png (12x16 to 24x32)",)
    assert converted(bands, tmp_path / "out_bands")[0].resized == ("a.tif (12x16 to 24x32)",)


@pytest.mark.parametrize("number", ["Infinity", "1e999", "-1e999", "NaN", "1" + "0" * 400])
def test_numbers_that_no_pixel_has(tmp_path, number):
    """JSON as Python reads it has NaN and infinity, and integers of any size."""

    def save(path, content):
        write(path, json.dumps(content).replace('"@"', number))
        return path.parent

    root = coco(tmp_path / "coco")
    labels = json.loads((root / "labels.json").read_text())
    labels["images"][0]["width"] = "@"
    save(root / "labels.json", labels)
    assert refused(root, tmp_path / "out").startswith("labels.json: image 1: the size 12 x ")
    for name in ("via", "ls"):
        save_image(tmp_path / name / "a.png")
    rect = {"name": "rect", "x": "@", "y": 0, "width": 4, "height": 4}
    root = save(tmp_path / "via" / "v.json", {"a": {"filename": "a.png", "regions": [{"shape_attributes": rect}]}})
    assert refused(root, tmp_path / "out").startswith("v.json: 'a.png': region 1: x is ")
    value = {"x": "@", "y": 0, "width": 50, "height": 50, "rectanglelabels": ["c"]}
    results = [{"id": "r", "type": "rectanglelabels", "value": value}]
    task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": results}]}
    root = save(tmp_path / "ls" / "p.json", [task])
    assert refused(root, tmp_path / "out").startswith("p.json: task 1: region 1: x is ")


@pytest.mark.parametrize("number", ["Infinity", "-1e999", "NaN", "1" + "0" * 400])
def test_bitmaps_that_lie_nowhere(tmp_path, number):
    stream = io.BytesIO()
    Image.new("L", (2, 2), 255).save(stream, "PNG")
    data = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    bitmap = {"classTitle": "car", "geometryType": "bitmap", "bitmap": {"data": data, "origin": ["@", 0]}}
    root = tmp_path / "sv"
    save_image(root / "ds" / "img" / "a.jpg")
    save_json(root / "meta.json", {"classes": [{"title": "car", "shape": "any"}]})
    text = json.dumps({"size": {"height": 12, "width": 16}, "objects": [bitmap]})
    write(root / "ds" / "ann" / "a.jpg.json", text.replace('"@"', number))
    if number.isdigit():
        assert converted(root, tmp_path / "out")[0].outside == 1
    else:
        line = refused(root, tmp_path / "out")
        assert line.startswith("ds/ann/a.jpg.json: ") and "is not a compressed PNG file with an origin" in line


def test_control_characters_and_reserved_names(tmp_path):
    names = ["\x1b[31ma\n.png", "..hidden.png", "a" * 200 + ".png", 'q"<?>.png']
    root = tmp_path / "c"
    images = []
    for number, name in enumerate(names):
        save_image(root / name)
        images.append({"id": number, "file_name": name, "width": 16, "height": 12})
    categories = [{"id": 1, "name": "\x1b[2Jcar"}]
    save_json(root / "labels.json", {"images": images, "annotations": [], "categories": categories})
    report, masks, _ = converted(root, tmp_path / "out")
    assert len(masks) == 4 and all(name.isprintable() and len(name) < 140 for name in masks)
    assert not any(path.name.startswith(".") for path in (tmp_path / "out" / "images").iterdir())
    assert all(name.isprintable() for name in report.unlabeled)
    (root / names[0]).unlink()
    assert "\\x1b[31ma" in refused(root, tmp_path / "out2")


def _twice_in_coco(root):
    images = [{"id": number, "file_name": "a.png", "width": 16, "height": 12} for number in (1, 2)]
    save_json(root / "x.json", {"images": images, "annotations": [], "categories": [{"id": 1, "name": "car"}]})
    return "x.json: image 1", "x.json: image 2"


def _twice_in_labelme(root):
    # Both files of b were copies of those of a, and the name in b.json is still the old one.
    shape = {"label": "car", "points": [[0, 0], [4, 0], [4, 4]], "shape_type": "polygon"}
    for name in ("a", "b"):
        save_json(root / f"{name}.json", {"shapes": [shape], "imagePath": "a.png"})
    return "a.json", "b.json"


def _twice_in_label_studio(root):
    value = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["car"]}
    results = [{"id": "r", "type": "polygonlabels", "value": value}]
    addresses = {1: "s3://videos/one/a.png", 2: "s3://videos/two/a.png"}
    tasks = [{"id": n, "data": {"image": name}, "annotations": [{"result": results}]} for n, name in addresses.items()]
    save_json(root / "p.json", tasks)
    return "p.json: task 1", "p.json: task 2"


def _twice_in_via(root):
    shape = {"name": "rect", "x": 0, "y": 0, "width": 4, "height": 4}
    names = ["https://host/one/a.png", "https://host/two/a.png"]
    save_json(root / "v.json", {n: {"filename": n, "regions": [{"shape_attributes": shape}]} for n in names})
    return tuple(f"v.json: {name!r}" for name in names)


@pytest.mark.parametrize("write_labels", [_twice_in_coco, _twice_in_labelme, _twice_in_label_studio, _twice_in_via])
def test_two_records_of_one_image(tmp_path, write_labels):
    """The image was written twice, each time with the labels of one record: those of another image, as a rule."""
    root = tmp_path / "c"
    for name in ("a.png", "b.png"):
        save_image(root / name)
    first, second = write_labels(root)
    line = refused(root, tmp_path / "out")
    assert line.startswith(f"{second}: its image is a.png, which {first} labels already. Remove one of the two")


def test_a_place_that_is_taken(tmp_path):
    root, out = coco(tmp_path / "c"), tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("x")
    assert "exists and is not an empty folder" in refused(root, out)
    (out / "mine.txt").unlink()
    converted(root, out)
    (tmp_path / "file").write_text("x")
    assert "exists and is not an empty folder" in refused(root, tmp_path / "file")
    os.symlink(tmp_path / "nowhere", tmp_path / "link")
    assert "exists and is not an empty folder" in refused(root, tmp_path / "link")
    (tmp_path / "new.partial").mkdir()
    assert "new.partial: exists" in refused(root, tmp_path / "new")


@pytest.mark.parametrize("absolute", [False, True])
def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch, absolute):
    """Its relative path has no name: pathlib refused the one of the temporary folder."""
    root, here = coco(tmp_path / "c"), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    line = f"{here}: is the current folder, which cannot be replaced. Give the path of a new folder."
    assert refused(root, here if absolute else pathlib.Path()) == line
    assert converted(root, pathlib.Path("new"))[0].splits == {"": 1}


def test_a_full_disk(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", target)

    root = coco(tmp_path / "c")
    monkeypatch.setattr(shutil, "copyfile", full)
    line = f"{tmp_path / 'out'}: cannot be written ({os.strerror(errno.ENOSPC)}). Free some space, or choose another"
    assert refused(root, tmp_path / "out").startswith(line)


def test_nothing_is_left_of_a_failure_halfway(tmp_path):
    root, calls = coco(tmp_path / "c"), []

    def stop(done, total):
        calls.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(root, tmp_path / "out", progress=stop)
    assert calls == [1] and sorted(path.name for path in tmp_path.iterdir()) == ["c"]


def test_two_formats_and_none(tmp_path):
    root = coco(tmp_path / "c")
    for split in ("train", "val"):
        save_image(root / "images" / split / "a.png")
        save_mask(root / "masks" / split / "a.png", np.zeros((12, 16)))
    message = refused(root, tmp_path / "out")
    assert "coco (labels.json" in message and "split-masks (images/train" in message and "format=coco" in message
    assert converted(root, tmp_path / "out", format="coco")[0].format == "coco"
    (tmp_path / "empty").mkdir()
    message = refused(tmp_path / "empty", tmp_path / "out2")
    assert "no known format. Looked for coco: " in message and "yolo: " in message


@pytest.mark.parametrize("format", [None, "coco", "coco-panoptic", "yolo", "labelme", "cvat", "roboflow-masks",
    "split-masks", "voc", "cityscapes", "ade20k", "camvid", "nnunet", "kitti", "mapillary", "supervisely",
    "label-studio", "via", "folders"])  # fmt: skip
def test_a_folder_that_does_not_fit(tmp_path, format):
    save_image(tmp_path / "c" / "photo.jpg")
    save_json(tmp_path / "c" / "notes.json", {"a": 1})
    assert refused(tmp_path / "c", tmp_path / "out", format=format)
    assert refused(tmp_path / "c" / "notes.json", tmp_path / "out", format=format)


def test_wrong_arguments(tmp_path):
    root = coco(tmp_path / "c")
    for options, message in (
        ({"format": "cocoo"}, "Did you mean 'coco'"),
        ({"task": "boundary"}, "`task` is not a known option"),
        ({"images": tmp_path / "no"}, "`images` must be an existing folder"),
        ({"allow_orphans": 1}, "`allow_orphans` must be"),
    ):
        with pytest.raises(InputError, match=message):
            convert(root, tmp_path / "out", **options)
    assert "there is no such file or folder" in refused(tmp_path / "no", tmp_path / "out")


@pytest.mark.parametrize("format", [None, "coco", "yolo", "label-studio", "via", "folders"])
def test_links_in_circles(tmp_path, format):
    root = tmp_path / "c"
    (root / "images").mkdir(parents=True)
    os.symlink(root, root / "images" / "again")
    os.symlink(root / "self", root / "self")
    os.symlink(root / "a.json", root / "a.json")
    assert refused(root, tmp_path / "out", format=format)


def test_plain_folders_with_links_that_lead_out(tmp_path):
    root = tmp_path / "c"
    save_image(root / "images" / "a.png")
    save_mask(tmp_path / "secret.png", np.eye(12, 16))
    (root / "masks").mkdir()
    os.symlink(tmp_path / "secret.png", root / "masks" / "a.png")
    assert "'masks/a.png' leads out of" in refused(root, tmp_path / "out")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "C:/secret.png", "a\0.png", "x" * 5000])
def test_label_files_that_name_other_places(tmp_path, name):
    save_image(tmp_path / "secret.png")
    shape = {"name": "rect", "x": 0, "y": 0, "width": 4, "height": 4}
    record = {"filename": name, "regions": [{"shape_attributes": shape}]}
    save_json(tmp_path / "via" / "v.json", {"a": record})
    assert "v.json: " in refused(tmp_path / "via", tmp_path / "out")
    value = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["c"]}
    results = [{"id": "r", "type": "polygonlabels", "value": value}]
    save_json(tmp_path / "ls" / "p.json", [{"id": 1, "data": {"image": name}, "annotations": [{"result": results}]}])
    assert "p.json: task 1: " in refused(tmp_path / "ls", tmp_path / "out")


@pytest.mark.parametrize("factor", [1e6, 1e300])
def test_outlines_that_never_end(tmp_path, factor):
    shape = {"name": "polygon", "all_points_x": [0, factor, 5], "all_points_y": [0, 0, factor]}
    save_image(tmp_path / "via" / "a.png")
    save_json(tmp_path / "via" / "v.json", {"a": {"filename": "a.png", "regions": [{"shape_attributes": shape}]}})
    if factor > 1e100:
        assert "v.json: 'a.png': region 1: the outline reaches to" in refused(tmp_path / "via", tmp_path / "out")
    else:
        assert converted(tmp_path / "via", tmp_path / "out")[0].cut == 1


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


NFC, NFD = "café", "cafe\u0301"


def _nnunet(root):
    save_json(
        root / "dataset.json",
        {"channel_names": {"0": "x"}, "labels": {"background": 0, "a": 1}, "file_ending": ".png"},
    )
    save_mask(root / "labelsTr" / f"{NFC}.png", np.eye(12, 16))
    return root / "imagesTr" / f"{NFD}_0000.png"


def _supervisely(root):
    save_json(root / "obj_class_to_machine_color.json", {"a": [1, 1, 1]})
    save_mask(root / "masks_machine" / f"{NFC}.png", np.eye(12, 16))
    return root / "img" / f"{NFD}.png"


def _voc(root):
    save_mask(root / "SegmentationClass" / f"{NFC}.png", np.eye(12, 16))
    write(root / "ImageSets" / "Segmentation" / "train.txt", f"{NFD}\n")
    return root / "JPEGImages" / f"{NFD}.png"


def _yolo(root):
    write(root / "labels" / f"{NFC}.txt", "0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    write(root / "data.yaml", "names: [a]\n")
    return root / "images" / f"{NFD}.png"


def _coco(root):
    coco(root, f"{NFC}.png")
    (root / "a.png").unlink()
    return root / f"{NFD}.png"


def _labelme(root):
    shape = {"label": "a", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    content = {"shapes": [shape], "imagePath": "other.png", "imageHeight": 12, "imageWidth": 16, "imageData": None}
    save_json(root / f"{NFC}.json", content)
    return root / f"{NFD}.png"


def _split_masks(root):
    save_mask(root / "masks" / "train" / f"{NFC}.png", np.eye(12, 16))
    write(root / "data.yaml", "names: [background, a]\n")
    return root / "images" / "train" / f"{NFD}.png"


@pytest.mark.parametrize("source", [_nnunet, _supervisely, _voc, _yolo, _coco, _labelme, _split_masks])
def test_names_in_two_forms_of_unicode(tmp_path, source):
    """macOS and Linux may write the same letters in two ways."""
    root = tmp_path / "d"
    save_image(source(root))
    report = converted(root, tmp_path / "out")[0]
    assert report.pixels[1] > 0 and not report.left_out


@pytest.mark.parametrize("source", [_nnunet, _supervisely, _voc, _yolo, _coco, _labelme, _split_masks])
def test_files_that_are_links(tmp_path, source):
    """DataLad and git-annex keep files below .git, named by their hashes, and links to them in their places."""
    root = tmp_path / "d"
    save_image(source(root))
    expected, expected_masks, _ = converted(root, tmp_path / "out")
    (root / ".git").mkdir()
    for number, file in enumerate([path for path in sorted(root.rglob("*")) if path.is_file()]):
        file.rename(root / ".git" / f"SHA256-{number}")
        file.symlink_to(root / ".git" / f"SHA256-{number}")
    report, masks, _ = converted(root, tmp_path / "out2")
    assert (report.format, report.splits, report.pixels) == (expected.format, expected.splits, expected.pixels)
    assert list(masks) == list(expected_masks) and not report.left_out


def test_splits_of_links(tmp_path):
    """Links into a folder of all files made one part of them: the folders of their targets name no split."""
    root = tmp_path / "d"
    for name, split in (("a", "train"), ("b", "val")):
        image = save_image(root / ".all" / f"{name}.png")
        shape = {"label": "car", "points": [[0, 0], [4, 0], [4, 4]], "shape_type": "polygon"}
        labels = save_json(root / ".all" / f"{name}.json", {"shapes": [shape], "imagePath": image.name})
        (root / split).mkdir()
        for file in (image, labels):
            (root / split / file.name).symlink_to(file)
    assert converted(root, tmp_path / "out")[0].splits == {"train": 1, "val": 1}
