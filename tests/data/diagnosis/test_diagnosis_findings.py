"""Each check finds its fault, and a good folder has none."""

import builtins
import json
import shutil

import numpy as np
import pytest
from folders import codes, fill, finding, scene, write
from PIL import Image

from keras_seg import InputError
from keras_seg.data import convert, diagnose, scan_folder, scan_instances, write_shapes

pytestmark = pytest.mark.tensorflow_only

COLORS = np.array([[0, 0, 0], [200, 10, 20], [30, 180, 40]], np.uint8)


def test_a_good_folder_has_no_error_and_no_warning(tmp_path):
    diagnosis = diagnose(write_shapes(tmp_path / "d", train=8, val=8, image_size=(64, 64)))
    assert not [item.message for item in diagnosis.findings if item.severity == "error"]
    assert diagnosis.splits == ("train", "val")
    fill(tmp_path / "e")
    assert diagnose(tmp_path / "e").status == 0


def test_all_findings_not_the_first(tmp_path):
    files = fill(tmp_path, 8)
    files[0][1].unlink()
    files[1][0].write_bytes(b"no image")
    files[2][1].write_bytes(files[2][1].read_bytes()[:60])
    Image.fromarray(scene(3)[1]).resize((32, 24), 0).save(files[3][1])
    (tmp_path / "images" / "notes.txt").write_text("x")
    diagnosis = diagnose(tmp_path)
    assert {"image-without-mask", "unreadable-image", "unreadable-mask", "size-scaled", "other-files"} <= codes(
        diagnosis
    )
    assert diagnosis.status == 2
    assert finding(diagnosis, "unreadable-image").examples == ("images/scene1.png",)
    for item in diagnosis.findings:
        assert "\n" not in item.message + item.fix


def test_masks_without_images(tmp_path):
    fill(tmp_path)[0][0].unlink()
    assert finding(diagnose(tmp_path), "mask-without-image").examples == ("masks/scene0.png",)


@pytest.mark.parametrize(
    ("size", "code"), [((32, 24), "size-scaled"), ((48, 64), "size-other"), ((64, 20), "size-other")]
)
def test_sizes(tmp_path, size, code):
    _, mask = fill(tmp_path)[0]
    Image.fromarray(scene(0)[1]).resize(size, 0).save(mask)
    assert finding(diagnose(tmp_path), code).repairable == (code == "size-scaled")


def test_masks_in_colors_with_the_proposed_entry(tmp_path):
    fill(tmp_path, encode=lambda ids: COLORS[ids], classes=3)
    diagnosis = diagnose(tmp_path)
    found = finding(diagnosis, "colors")
    entry = json.loads(found.fix[found.fix.index("{") :])
    assert entry["colors"][0] == [0, 0, 0] and sorted(entry["colors"]) == sorted(COLORS.tolist())
    assert diagnosis.facts["proposed_labels"] == entry
    (tmp_path / "labels.json").write_text(json.dumps(entry))
    assert diagnose(tmp_path).status == 0
    assert scan_folder(tmp_path).num_classes == 3


def test_a_color_that_the_label_file_lacks(tmp_path):
    fill(tmp_path, encode=lambda ids: COLORS[ids], classes=3)
    (tmp_path / "labels.json").write_text(json.dumps({"colors": [[0, 0, 0], [200, 10, 20]]}))
    assert "(30, 180, 40)" in finding(diagnose(tmp_path), "unknown-colors").message


def test_colors_saved_as_jpeg(tmp_path):
    for seed in range(4):
        _, mask = write(tmp_path, seed, encode=lambda ids: COLORS[ids], classes=3)
        Image.open(mask).save(mask.with_suffix(".jpg"), quality=50)
        mask.unlink()
    found = codes(diagnose(tmp_path))
    assert "too-many-colors" in found and "lossy-masks" in found


def test_masks_that_disagree_about_the_object(tmp_path):
    for seed in range(6):
        write(tmp_path, seed, encode=lambda ids, factor=255 if seed < 4 else 1: ids * np.uint8(factor))
    found = finding(diagnose(tmp_path), "mixed-values")
    assert found.count == 2 and found.repairable and "4 hold 0 and 255" in found.message


def test_black_and_white_jpeg_is_a_warning(tmp_path):
    for seed in range(4):
        _, mask = write(tmp_path, seed, encode=lambda ids: ids * np.uint8(255))
        Image.open(mask).save(mask.with_suffix(".jpg"), quality=90)
        mask.unlink()
    assert finding(diagnose(tmp_path), "lossy-masks").severity == "warning"


def test_ids_saved_as_jpeg_are_an_error(tmp_path):
    for seed in range(4):
        _, mask = write(tmp_path, seed, encode=lambda ids: ids * np.uint8(30), classes=5)
        Image.open(mask).save(mask.with_suffix(".jpg"), quality=60)
        mask.unlink()
    assert finding(diagnose(tmp_path), "lossy-masks").severity == "error"


def test_labels_out_of_range(tmp_path):
    fill(tmp_path, classes=4)
    (tmp_path / "labels.json").write_text('{"names": ["a", "b", "c"]}')
    assert "no class: 3" in finding(diagnose(tmp_path), "out-of-range").message


def test_255_is_void_beside_ids(tmp_path):
    def encode(ids):
        return np.where(ids == 3, 255, ids).astype(np.uint8)

    fill(tmp_path, classes=4, encode=encode)
    diagnosis = diagnose(tmp_path)
    assert diagnosis.status == 0 and list(diagnosis.facts["classes"]) == ["class_0", "class_1", "class_2"]


def test_constant_masks_are_an_error_only_if_all_are(tmp_path):
    files = fill(tmp_path)
    for _, mask in files[:2]:
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(mask)
    found = finding(diagnose(tmp_path), "constant-masks")
    assert found.severity == "note" and found.count == 2
    for _, mask in files:
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(mask)
    assert finding(diagnose(tmp_path), "constant-masks").severity == "error"


def test_class_absent_from_a_split(tmp_path):
    for seed in range(4):
        write(tmp_path, seed, split="train", classes=3)
        write(tmp_path, seed + 10, split="val", classes=2)
    diagnosis = diagnose(tmp_path)
    found = finding(diagnosis, "absent-classes")
    assert "in val" in found.message and found.examples == ("class_2",)


def test_rare_class(tmp_path):
    def encode(ids):
        ids = ids.copy()
        ids[:2, :4] = 2
        return ids

    fill(tmp_path, encode=encode)
    assert finding(diagnose(tmp_path), "rare-classes").examples == ("class_2",)


def test_exact_and_near_copies_across_splits(tmp_path):
    for seed in range(4):
        write(tmp_path, seed, split="train")
        write(tmp_path, seed + 10, split="val")
    write(tmp_path, 0, split="val", name="same")
    Image.fromarray(np.clip(scene(1)[0] + np.array(5, np.uint8), 0, 255)).save(
        write(tmp_path, 1, split="val", name="alike")[0]
    )
    diagnosis = diagnose(tmp_path)
    assert finding(diagnosis, "copies-across-splits").count == 1
    assert finding(diagnosis, "near-copies-across-splits").count == 1


def test_shifted_borders(tmp_path):
    fill(tmp_path / "good", 8, size=(96, 96))
    assert "offset-borders" not in codes(diagnose(tmp_path / "good"))
    fill(tmp_path / "bad", 8, size=(96, 96), encode=lambda ids: np.roll(ids, (3, -4), (0, 1)))
    assert "3 px up and 4 px right" in finding(diagnose(tmp_path / "bad"), "offset-borders").message


def test_specks(tmp_path):
    def encode(ids):
        ids = ids.copy()
        ids[::5, ::5] = 1 - ids[::5, ::5]
        return ids

    fill(tmp_path, encode=encode)
    assert finding(diagnose(tmp_path), "specks").count == 6


def test_images_of_16_bits_that_use_12(tmp_path):
    for image, _ in fill(tmp_path):
        Image.fromarray(np.array(Image.open(image))[..., 0].astype(np.uint16) * 16).save(image)
    found = finding(diagnose(tmp_path), "low-range")
    assert found.severity == "warning" and found.count == 6


def test_orientation(tmp_path):
    image, _ = fill(tmp_path)[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(image).save(image, exif=exif)
    found = finding(diagnose(tmp_path), "exif-orientation")
    assert found.severity == "note" and found.count == 1 and "as stored" in found.message
    assert scan_folder(tmp_path).exif_orientation == "ignore"


def test_small_images_one_image_and_shared_prefixes(tmp_path):
    for name in ("p1_a", "p2_a", "p3_a"):
        write(tmp_path, len(name), split="train", name=name, size=(24, 64))
    write(tmp_path, 9, split="val", name="p1_b", size=(24, 64))
    diagnosis = diagnose(tmp_path)
    assert finding(diagnosis, "small-images").count == 4
    assert finding(diagnosis, "one-image").examples == ("val/images/p1_b.png",)
    assert finding(diagnosis, "shared-prefixes").examples == ("p1...",)


def test_what_only_the_scan_refuses_is_an_error(tmp_path):
    fill(tmp_path, encode=lambda ids: ids * np.uint8(100))  # Ids 0 and 100 do not count up from 0.
    with pytest.raises(InputError):
        scan_folder(tmp_path)
    assert finding(diagnose(tmp_path), "not-readable").severity == "error"


def test_a_folder_without_pairs_is_examined_all_the_same(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"no image")
    diagnosis = diagnose(tmp_path)
    assert {"no-pairs", "unreadable-image"} <= codes(diagnosis)
    with pytest.raises(InputError, match="no such folder"):
        diagnose(tmp_path / "absent")


def test_a_label_file_that_is_not_json(tmp_path):
    fill(tmp_path)
    (tmp_path / "labels.json").write_text("{")
    assert finding(diagnose(tmp_path), "label-file").severity == "error"


@pytest.mark.parametrize("place", ["labels.json", "train/labels.json", "val/labels.json"])
def test_the_label_file_of_any_split_that_is_not_json(tmp_path, place):
    for split, first in (("train", 0), ("val", 20)):
        for seed in range(first, first + 4):
            write(tmp_path, seed, split=split)
    (tmp_path / place).write_text("{")
    found = finding(diagnose(tmp_path), "label-file")  # Once, also if the splits share it.
    assert found.severity == "error" and found.examples == (str(tmp_path / place),)


def opened_files(monkeypatch):
    """Every file that is opened from here on."""
    opened, real = [], builtins.open
    monkeypatch.setattr(builtins, "open", lambda file, *args, **k: opened.append(str(file)) or real(file, *args, **k))
    return opened


def test_each_file_is_decoded_once_and_reported(tmp_path, monkeypatch):
    files = fill(tmp_path, encode=lambda ids: COLORS[ids], classes=3)
    opened, done = opened_files(monkeypatch), []
    diagnose(tmp_path, progress=lambda count, total: done.append((count, total)))
    assert sorted(opened) == sorted(str(file) for pair in files for file in pair)
    assert done == [(count, 6) for count in range(1, 7)]


@pytest.mark.parametrize("look", [diagnose, scan_instances])
def test_each_mask_of_an_object_is_decoded_once(tmp_path, monkeypatch, look):
    objects(tmp_path)
    opened = opened_files(monkeypatch)
    look(tmp_path)
    assert len(opened) == len(set(opened)) == 3 + 9


def objects(root):
    """Three images with a folder of three masks each."""
    for seed in range(3):
        image, mask = write(root, seed)
        ids = np.zeros((48, 64), np.uint8)
        mask.unlink()
        for number in range(3):
            (root / "masks" / image.stem).mkdir(exist_ok=True)
            one = ids.copy()
            one[10 * number : 10 * number + 8, 10:30] = 255
            Image.fromarray(one).save(root / "masks" / image.stem / f"{number}.png")


def test_masks_of_objects(tmp_path):
    objects(tmp_path)
    diagnosis = diagnose(tmp_path)
    assert diagnosis.status == 0 and diagnosis.facts["objects"] == 9
    assert diagnosis.sheet() is not None
    (tmp_path / "masks" / "scene0" / "1.png").write_bytes(b"no image")
    Image.new("L", (30, 30), 255).save(tmp_path / "masks" / "scene1" / "1.png")
    assert finding(diagnose(tmp_path), "unreadable-mask").count == 2
    log = diagnose(tmp_path).repair(tmp_path.parent / f"{tmp_path.name}-copy")
    assert log["pairs"] == 1
    assert scan_instances(tmp_path.parent / f"{tmp_path.name}-copy").object_counts.tolist() == [3]


def test_lists_in_text_files(tmp_path):
    files = fill(tmp_path / "d")
    files[0][1].write_bytes(b"no image")
    for place, name in enumerate(("images", "masks")):
        lines = [str(pair[place].relative_to(tmp_path)) for pair in files]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    lists = (tmp_path / "images.txt", tmp_path / "masks.txt")
    assert finding(diagnose(lists), "unreadable-mask").examples == ("d/masks/scene0.png",)
    assert diagnose(lists).repair(tmp_path / "out")["pairs"] == 5


def test_the_pair_of_two_folders(tmp_path):
    fill(tmp_path)
    assert diagnose((tmp_path / "images", tmp_path / "masks")).status == 0


def test_several_masks_of_an_image(tmp_path):
    _, mask = fill(tmp_path)[0]
    mask.rename(mask.with_name("scene0_mask_1.png"))
    Image.fromarray(scene(0)[1]).save(mask.with_name("scene0_mask_2.png"))
    item = finding(diagnose(tmp_path), "several-masks")
    assert "has 2 masks" in item.message and "task='instances'" in item.message
    assert item.fix.startswith(f"Run `keras-seg convert {tmp_path} {tmp_path}_converted`")
    with pytest.raises(InputError, match=r"has 2 masks: .*\. Run `keras-seg convert"):
        scan_folder(tmp_path)


@pytest.mark.parametrize("places", ["masks/car masks/road", "masks/scene0 masks/scene1"])
def test_a_folder_per_class_or_image(tmp_path, places):
    root = tmp_path / "d"
    fill(root / "other", 2)
    (root / "other" / "images").rename(root / "images")
    (root / "masks").mkdir()
    for folder in places.split():
        shutil.copytree(root / "other" / "masks", root / folder)
    shutil.rmtree(root / "other")
    item = finding(diagnose(root, task="semantic"), "several-masks")
    assert "several masks of one image" in item.message and "keras-seg convert" in item.fix
    with pytest.raises(InputError, match=r"several masks of one image.*Run `keras-seg convert"):
        scan_folder(root)
    convert(root, tmp_path / "out", progress=False)
    assert diagnose(tmp_path / "out").status < 2


def test_several_masks_that_convert_cannot_join(tmp_path):
    _, mask = fill(tmp_path, 1)[0]
    shutil.copy(mask, mask.with_name("scene0_color.png"))
    shutil.copy(mask, mask.with_name("scene0_labels.png"))
    assert finding(diagnose(tmp_path), "several-masks").fix.startswith("Merge them into one mask of class ids")


def test_object_numbers_are_no_classes(tmp_path):
    for seed in range(3):
        _, mask = write(tmp_path, seed)
        Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)).save(mask)
    assert "`task='instances'`" in finding(diagnose(tmp_path), "too-many-values").fix


def test_text_of_80_columns_and_json(tmp_path):
    fill(tmp_path)[0][1].unlink()
    diagnosis = diagnose(tmp_path)
    assert max(map(len, str(diagnosis).splitlines())) <= 80
    json.dumps(diagnosis.to_dict())
    assert diagnosis.to_dict()["status"] == 2


def test_smoothed_masks_are_not_speckled(tmp_path):
    def encode(ids):
        return np.array(Image.fromarray(ids * np.uint8(255)).resize((258, 194)).resize((256, 192)))

    fill(tmp_path, encode=encode, size=(192, 256))
    diagnosis = diagnose(tmp_path)
    assert finding(diagnosis, "lossy-masks").severity == "warning"
    assert "specks" not in codes(diagnosis)


def test_masks_that_are_not_understood_have_no_classes(tmp_path):
    for seed in range(4):
        _, mask = write(tmp_path, seed, encode=lambda ids: COLORS[ids], classes=3)
        Image.open(mask).save(mask.with_suffix(".jpg"), quality=50)
        mask.unlink()
    (tmp_path / "labels.json").write_text('{"names": ["a", "b", "c"]}')
    assert not {"constant-masks", "absent-classes", "rare-classes"} & codes(diagnose(tmp_path))


def test_gray_levels_are_no_classes(tmp_path):
    fill(tmp_path, encode=lambda ids: np.array(Image.fromarray(ids * np.uint8(250)).resize((70, 50)).resize((64, 48))))
    assert "gray levels" in finding(diagnose(tmp_path), "many-values").message
