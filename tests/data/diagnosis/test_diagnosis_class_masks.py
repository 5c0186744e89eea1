"""Folders with several masks per image: every mask is examined."""

import shutil

import numpy as np
import pytest
from folders import codes, finding, scene
from made_data import overlapping
from PIL import Image

from keras_seg import InputError
from keras_seg.data import diagnose, scan_instances, scan_multilabel

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture
def folder(tmp_path):
    return overlapping(tmp_path / "data", train=6, val=3)


def classes(path):
    return diagnose(path, task="multilabel")


def test_a_clean_folder(folder):
    # The images differ in a few pixels only.
    found = classes(folder)
    assert codes(found) <= {"near-copies", "near-copies-across-splits"}
    assert found.facts["pairs"] == {"train": 6, "val": 3}
    total = scan_multilabel(folder, split="train").pixel_counts.sum(0) + scan_multilabel(
        folder, split="val"
    ).pixel_counts.sum(0)
    assert list(found.facts["classes"].values()) == pytest.approx((total / total.sum()).tolist())
    assert found.sheet() is not None


def test_a_split_without_masks_of_a_class(folder):
    """Splits of unlike numbers of classes ended in an error of NumPy."""
    shutil.rmtree(folder / "val" / "masks" / "bar")
    found = classes(folder)
    assert list(found.facts["classes"]) == ["bar", "box"]
    assert "1 of 2 classes have no pixel in val: bar" in finding(found, "absent-classes").message


def test_copies_in_both_splits(folder):
    shutil.copy(folder / "train" / "images" / "0.png", folder / "val" / "images" / "6.png")
    assert finding(classes(folder), "copies-across-splits").count == 1


def test_every_broken_mask_is_named(folder):
    broken = [folder / "train" / "masks" / name / "1.png" for name in ("bar", "box")]
    broken[0].write_bytes(b"no image")
    Image.fromarray(np.zeros((5, 6), bool)).save(broken[1])
    grays = folder / "val" / "masks" / "bar" / "7.png"
    Image.fromarray(np.arange(48 * 56, dtype="uint8").reshape(48, 56)).save(grays)
    item = finding(classes(folder), "unusable-mask")
    assert item.count == 3 and set(item.examples) == {str(file.relative_to(folder)) for file in [*broken, grays]}
    with pytest.raises(InputError):
        scan_multilabel(folder, split="train")


def test_empty_and_inverted_masks_and_absent_classes(folder):
    for number in range(6, 9):
        path = folder / "val" / "masks" / "bar" / f"{number}.png"
        Image.fromarray(np.zeros((48, 56), bool)).save(path)
    inverted = folder / "train" / "masks" / "box" / "0.png"
    Image.fromarray(~np.array(Image.open(inverted))).save(inverted)
    (folder / "train" / "masks" / "bar" / "2.png").unlink()
    found = classes(folder)
    assert finding(found, "constant-masks").count == 3
    assert finding(found, "inverted-masks").examples == ("box/0.png",)
    assert finding(found, "absent-classes").message.startswith("1 of 2 classes have no pixel in val: bar")
    assert finding(found, "class-without-mask").count == 1


def test_files_without_a_partner(folder):
    Image.new("L", (56, 48)).save(folder / "train" / "masks" / "bar" / "extra.png")
    Image.new("RGB", (56, 48)).save(folder / "train" / "images" / "lonely.png")
    found = classes(folder)
    assert finding(found, "mask-without-image").examples == ("train/masks/bar/extra.png",)
    assert finding(found, "image-without-mask").examples == ("train/images/lonely.png",)


def repaired(folder, out):
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    log = classes(folder).repair(out)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    return log


def bits_by_name(path, split):
    index = scan_multilabel(path, split=split)
    return {pair.image.stem: index.read_labels(row) for row, pair in enumerate(index.pairs)}


def test_a_repaired_copy_holds_the_same_masks(folder):
    out = folder.parent / "out"
    log = repaired(folder, out)
    assert log["pairs"] == 9 and log["not_copied"] == []
    assert {entry["action"] for entry in log["done"]} == {"mask written in black and white"}
    assert len(log["done"]) == len(list(folder.glob("*/masks/*/*.png")))
    for split in ("train", "val"):
        wanted, got = bits_by_name(folder, split), bits_by_name(out, split)
        assert wanted.keys() == got.keys()
        assert all((wanted[name] == got[name]).all() for name in wanted)


def test_repair_leaves_out_images_with_an_unusable_mask(folder):
    masks = folder / "train" / "masks"
    (masks / "bar" / "1.png").write_bytes(b"no image")
    Image.fromarray(np.zeros((5, 6), bool)).save(masks / "box" / "2.png")
    (folder / "train" / "images" / "3.png").write_bytes(b"no image")
    shutil.copy(folder / "train" / "images" / "0.png", folder / "val" / "images" / "6.png")
    Image.new("L", (56, 48)).save(masks / "bar" / "extra.png")
    Image.new("RGB", (56, 48)).save(folder / "train" / "images" / "lonely.png")
    (folder / "train" / "images" / "4.png").rename(folder / "train" / "images" / "four.png")
    for name in ("bar", "box"):
        (masks / name / "4.png").rename(masks / name / "four_mask.png")
    log = repaired(folder, folder.parent / "out")
    reasons = {entry["file"]: entry["detail"] for entry in log["not_copied"]}
    for name in ("images/1.png", "masks/bar/1.png", "masks/box/1.png"):
        assert "bar/1.png" in reasons[f"train/{name}"]
    assert "is 5x6" in reasons["train/images/2.png"] and "3.png" in reasons["train/images/3.png"]
    assert reasons["train/masks/bar/extra.png"] == "no image"
    assert reasons["train/images/lonely.png"] == "no mask"
    assert reasons["train/images/0.png"] == "the same image as val/images/6.png"
    got = bits_by_name(folder.parent / "out", "train")
    assert set(got) == {"four", "5"} and log["pairs"] == 5
    for (split, name), bits in {("train", "four"): got["four"], ("train", "5"): got["5"]}.items():
        source = "four_mask" if name == "four" else name
        for bit, kind in enumerate(("bar", "box")):
            white = np.array(Image.open(folder / split / "masks" / kind / f"{source}.png").convert("L")) > 0
            assert ((bits >> bit & 1).astype(bool) == white).all()


@pytest.mark.parametrize("drawn_on", ["stored", "turned"])
def test_masks_of_turned_photos(tmp_path, drawn_on):
    folder = overlapping(tmp_path / "data", train=4, val=0, split=False)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = folder / "images" / "1.png"
    Image.open(image).save(image, exif=exif)
    before = {}
    for name in ("bar", "box"):
        mask = folder / "masks" / name / "1.png"
        white = np.array(Image.open(mask).convert("L")) > 0
        before[name] = np.rot90(white, -1)
        if drawn_on == "turned":
            Image.fromarray(before[name]).save(mask)
    log = repaired(folder, tmp_path / "out")
    assert log["pairs"] == 4
    with Image.open(tmp_path / "out" / "images" / "1.png") as turned:
        assert turned.size == (48, 56) and turned.getexif().get(0x0112, 1) == 1
    got = bits_by_name(tmp_path / "out", None)["1"]
    for bit, name in enumerate(("bar", "box")):
        assert ((got >> bit & 1).astype(bool) == before[name]).all()


def test_several_files_of_a_class_become_one(tmp_path):
    folder = overlapping(tmp_path / "data", train=3, val=0, split=False)
    extra = np.zeros((48, 56), bool)
    extra[:5, :5] = True
    Image.fromarray(extra).save(folder / "masks" / "bar" / "1_second.png")
    wanted = bits_by_name(folder, None)
    log = repaired(folder, tmp_path / "out")
    assert [entry["detail"] for entry in log["done"]].count("joined with others of its class") == 1
    got = bits_by_name(tmp_path / "out", None)
    assert all((wanted[name] == got[name]).all() for name in wanted)
    assert (got["1"][:5, :5] & 1).all()


def test_repair_keeps_the_order_of_the_label_file(tmp_path):
    folder = overlapping(tmp_path / "data", train=3, val=0, split=False)
    (folder / "labels.json").write_text('{"names": ["box", "bar"]}')
    repaired(folder, tmp_path / "out")
    assert scan_multilabel(tmp_path / "out").class_names == ("box", "bar")
    (folder / "labels.json").write_text('{"names": ["box", "ball"]}')
    with pytest.raises(InputError, match="Training would refuse the copy: .*does not list 'bar'"):
        classes(folder).repair(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_shifted_borders(folder):
    for file in folder.glob("*/masks/*/*.png"):
        Image.fromarray(np.roll(np.array(Image.open(file)), 4, axis=0)).save(file)
    assert "4 px up" in finding(classes(folder), "offset-borders").message


@pytest.mark.parametrize("task", [None, "semantic", "instances"])
def test_several_masks_are_examined_where_they_are_an_error(tmp_path, task):
    folder = overlapping(tmp_path / "data", train=3, val=0, split=False)
    if task == "instances":  # Objects by their names.
        for name in ("bar", "box"):
            for file in (folder / "masks" / name).iterdir():
                file.rename(folder / "masks" / f"{file.stem}_mask_{['bar', 'box'].index(name)}.png")
            (folder / "masks" / name).rmdir()
    shutil.copy(folder / "images" / "0.png", folder / "images" / "1.png")
    found = diagnose(folder, task=task)
    assert {"several-masks", "copies"} <= codes(found)
    for file in sorted(folder.glob("masks/**/*.png"))[:1]:
        file.write_bytes(b"no image")
    assert finding(diagnose(folder, task=task), "unusable-mask").count == 1


def test_masks_of_ids_are_not_blamed_for_it(tmp_path):
    folder = overlapping(tmp_path / "data", train=3, val=0, split=False)
    for file in folder.glob("masks/box/*.png"):
        Image.fromarray(np.arange(48 * 56, dtype="uint8").reshape(48, 56) // 60).save(file)
    shutil.copy(folder / "images" / "0.png", folder / "images" / "1.png")
    found = diagnose(folder)
    assert "unusable-mask" not in codes(found)
    assert finding(found, "copies").examples == ("images/0.png = images/1.png",)


def test_copies_are_found_whatever_is_wrong_with_their_masks(folder):
    shutil.copy(folder / "train" / "images" / "0.png", folder / "val" / "images" / "6.png")
    for file in folder.glob("train/masks/*/0.png"):
        file.write_bytes(b"no image")
    shutil.copy(folder / "train" / "images" / "1.png", folder / "train" / "images" / "lonely.png")
    found = classes(folder)
    # An image without a mask is trained on nowhere.
    assert finding(found, "copies-across-splits").count == 1 and "copies" not in codes(found)


def test_no_masks_per_class(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    assert "one mask per class" in finding(classes(tmp_path), "no-pairs").message


def test_empty_masks_of_objects(tmp_path):
    for number in range(4):
        image, ids = scene(number)
        folder = tmp_path / str(number)
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(ids * 0 if number == 3 else ids * 255).save(folder / "masks" / "a.png")
    Image.fromarray(ids * 0).save(tmp_path / "0" / "masks" / "b.png")
    found = diagnose(tmp_path)
    assert finding(found, "empty-objects").message == "1 mask file holds no object: 0/masks/b.png."
    assert finding(found, "constant-masks").examples == ("3/masks",)
    index = scan_instances(tmp_path)
    assert index.object_counts.tolist() == [1, 1, 1, 0]
    assert "1 mask file holds no object: 0/masks/b.png." in index.notices
