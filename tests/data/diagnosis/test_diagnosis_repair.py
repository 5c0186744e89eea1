"""The repaired copy can be scanned, and holds what the log says."""

import json

import numpy as np
import pytest
import tifffile
from folders import fill, scene, write
from PIL import Image

from keras_seg import InputError
from keras_seg.data import diagnose, read_image, read_mask, scan_folder

pytestmark = pytest.mark.tensorflow_only

COLORS = np.array([[0, 0, 0], [200, 10, 20], [30, 180, 40]], np.uint8)


def snapshot(root):
    return {file: file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def repaired(root, out):
    before = snapshot(root)
    log = diagnose(root).repair(out)
    assert snapshot(root) == before, "the folder itself must not change"
    assert json.loads((out / "repairs.json").read_text()) == log
    return log


@pytest.mark.parametrize(
    ("labels", "encode"),
    [
        ({"names": ["block", "ground"]}, lambda ids: 1 - ids),
        ({"names": ["ground", "block"], "label_map": {"0": 0, "9": 1}}, lambda ids: 9 * ids),
        ({"colors": [[0, 0, 0], [30, 180, 40]]}, lambda ids: COLORS[2 * ids]),
    ],
)
def test_each_split_is_read_by_its_own_label_file(tmp_path, labels, encode):
    data, out = tmp_path / "data", tmp_path / "out"
    painted = "colors" in labels
    for seed in range(4):
        for split, first in (("train", 0), ("test", 40)):  # The second one has no file.
            write(data, seed + first, split=split, encode=(lambda ids: COLORS[ids]) if painted else lambda ids: ids)
        write(data, seed + 20, split="val", encode=encode)
    own = {"names": ["ground", "block"], **({"colors": COLORS[:2].tolist()} if painted else {})}
    (data / "train" / "labels.json").write_text(json.dumps(own))
    (data / "val" / "labels.json").write_text(json.dumps(labels))
    assert [item.message for item in diagnose(data).findings if item.severity == "error"] == []
    repaired(data, out)
    for seed in range(4):
        for split, name in (("train", seed), ("val", seed + 20), ("test", seed + 40)):
            assert (read_mask(out / split / "masks" / f"scene{name}.png") == scene(name)[1]).all()
    assert json.loads((out / "labels.json").read_text()) == {"names": ["ground", "block"]}


@pytest.mark.parametrize("file", ["labels.json", "classes.txt"])
def test_no_name_is_given_to_the_color_of_another(tmp_path, file):
    """Colors got their ids by their number of pixels, and these ids the names of the label file."""
    data, out = tmp_path / "data", tmp_path / "out"
    fill(data, encode=lambda ids: COLORS[ids], classes=3)
    names = ["ground", "tree", "car"]
    (data / file).write_text(json.dumps({"names": names}) if file == "labels.json" else "\n".join(names))
    diagnosis = diagnose(data)
    [found] = [item for item in diagnosis.findings if item.code == "colors"]
    assert not found.repairable and "in the order of the names" in found.fix
    assert list(diagnosis.facts["classes"]) == ["class_0", "class_1", "class_2"]
    assert "proposed_labels" not in diagnosis.facts and diagnosis.sheet() is not None
    with pytest.raises(InputError, match=r"which color each of its 3 classes has\. Write \"colors\" into labels\.json"):
        diagnosis.repair(out)
    assert not out.exists()


def test_black_and_one_other_color_have_the_two_names(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    fill(data, encode=lambda ids: COLORS[ids])
    (data / "labels.json").write_text('{"names": ["background", "car"]}')
    repaired(data, out)
    index = scan_folder(out)
    assert index.class_names == ("background", "car")
    assert (index.read_labels(0) == scene(0)[1]).all()


def test_everything_at_once(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    for seed in range(4):
        write(data, seed + 20, split="val", encode=lambda ids: COLORS[ids], classes=3)
    files = [write(data, seed, split="train", encode=lambda ids: COLORS[ids], classes=3) for seed in range(8)]
    files[0][1].unlink()
    files[1][0].write_bytes(b"no image")
    Image.fromarray(COLORS[scene(2, classes=3)[1]]).resize((128, 96), 0).save(files[2][1])
    Image.fromarray(COLORS[scene(3, classes=3)[1]]).resize((64, 20), 0).save(files[3][1])
    write(data, 20, split="train", name="copy", encode=lambda ids: COLORS[ids], classes=3)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(files[4][0]).save(files[4][0], exif=exif)
    (data / "train" / "images" / "Thumbs.db").write_bytes(b"x")
    log = repaired(data, out)
    assert log["pairs"] == 9
    reasons = {entry["file"]: entry["detail"] for entry in log["not_copied"]}
    assert reasons["train/images/scene0.png"] == "no mask"
    assert "cannot be read" in reasons["train/images/scene1.png"]
    assert "aspect ratio" in reasons["train/masks/scene3.png"]
    assert reasons["train/images/copy.png"] == "the same image as val/images/scene20.png"
    assert reasons["train/images/Thumbs.db"] == "not an image"
    palette = json.loads(next(f for f in diagnose(data).findings if f.code == "colors").fix.split(": ", 1)[1])["colors"]
    for seed in (2, 5):
        ids = read_mask(out / "train" / "masks" / f"scene{seed}.png")
        assert (np.array(palette)[ids] == COLORS[scene(seed, classes=3)[1]]).all()
    assert (out / "train/images/scene5.png").read_bytes() == files[5][0].read_bytes()
    assert read_image(out / "train/images/scene4.png").shape == (64, 48, 3)
    assert (read_image(out / "train/images/scene4.png") == read_image(files[4][0])).all()
    # Turned like its image: a quarter to the right.
    assert (
        np.array(palette)[read_mask(out / "train/masks/scene4.png")] == COLORS[np.rot90(scene(4, classes=3)[1], -1)]
    ).all()
    assert scan_folder(out, split="train").num_classes == scan_folder(out, split="val").num_classes == 3
    assert diagnose(out).status < 2


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_turned_images_keep_their_depth(tmp_path, dtype):
    """They became PNG files of 8 bits, and floats were cut."""
    data, out = tmp_path / "data", tmp_path / "out"
    fill(data)
    image, ids = scene(9)
    values = image.astype(dtype) * 256 + 77 if dtype == "uint16" else image.astype(dtype) * np.float32(0.9) + 0.25
    orientation = (0x0112, 3, 1, 6, True)
    tifffile.imwrite(data / "images" / "deep.tif", values.astype(dtype), photometric="rgb", extratags=[orientation])
    upright = np.rot90(ids, -1).copy()
    Image.fromarray(upright).save(data / "masks" / "deep.png")
    log = repaired(data, out)
    [entry] = [entry for entry in log["done"] if entry["action"] == "image turned"]
    assert entry["file"] == "images/deep.tif"
    assert entry["detail"].startswith("EXIF orientation applied, saved as .npy (3 channels")
    kept = read_image(out / "images" / "deep.npy")
    np.testing.assert_array_equal(kept, read_image(data / "images" / "deep.tif"))
    scale = 257 if dtype == "uint16" else 1
    np.testing.assert_allclose(kept, np.rot90(values, -1) / scale, rtol=1e-6)
    np.testing.assert_array_equal(read_mask(out / "masks" / "deep.png"), upright)
    assert log["pairs"] == len(scan_folder(out)) == 7


def test_a_mask_that_may_be_upside_down_is_not_copied(tmp_path):
    """The photo was turned and its mask was not, whichever way round it had been drawn."""
    data = tmp_path / "data"
    image, _ = fill(data)[0]
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(image).save(image, exif=exif)
    log = repaired(data, tmp_path / "a")
    reasons = {entry["file"]: entry["detail"] for entry in log["not_copied"]}
    assert log["pairs"] == 5 and reasons.keys() == {"images/scene0.png", "masks/scene0.png"}
    assert '"exif_orientation" into labels.json' in reasons["masks/scene0.png"]
    for choice, turns in (("apply", 0), ("ignore", 2)):
        (data / "labels.json").write_text(json.dumps({"exif_orientation": choice}))
        assert repaired(data, tmp_path / choice)["pairs"] == 6
        np.testing.assert_array_equal(read_mask(tmp_path / choice / "masks/scene0.png"), np.rot90(scene(0)[1], turns))


def test_gray_images_of_16_bits_are_turned_as_png(tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    image, ids = scene(9)
    fill(data)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(image[..., 0].astype("uint16") * 256 + 77).save(data / "images" / "deep.png", exif=exif)
    Image.fromarray(np.rot90(ids, -1).copy()).save(data / "masks" / "deep.png")
    repaired(data, out)
    turned = np.array(Image.open(out / "images" / "deep.png"))
    np.testing.assert_array_equal(turned, np.rot90(image[..., 0].astype("int64") * 256 + 77, -1))


def test_the_limit_of_pillow_is_not_ours(tmp_path, monkeypatch):
    files = fill(tmp_path / "data")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(files[0][0]).save(files[0][0], exif=exif)
    with monkeypatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 50)  # It refuses images of twice as many.
        assert repaired(tmp_path / "data", tmp_path / "out")["pairs"] == 6
    assert (read_image(tmp_path / "out/images/scene0.png") == read_image(files[0][0])).all()


def test_zero_and_one_beside_zero_and_255(tmp_path):
    for seed in range(6):
        write(tmp_path / "d", seed, encode=lambda ids, factor=255 if seed < 4 else 1: ids * np.uint8(factor))
    _, mask = write(tmp_path / "d", 7, encode=lambda ids: ids * np.uint8(255))
    Image.open(mask).save(mask.with_suffix(".jpg"), quality=95)
    mask.unlink()
    repaired(tmp_path / "d", tmp_path / "out")
    index = scan_folder(tmp_path / "out")
    for position, seed in enumerate((0, 1, 2, 3, 4, 5, 7)):
        assert (index.read_labels(position) == scene(seed)[1]).all()
    assert index.class_names == ("background", "foreground")


def test_a_good_folder_keeps_its_labels(tmp_path):
    files = fill(tmp_path / "d", classes=4)
    labels = {"names": ["a", "b", "c"], "ignore_class": 3}
    (tmp_path / "d" / "labels.json").write_text(json.dumps(labels))
    repaired(tmp_path / "d", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "labels.json").read_text()) == labels
    for image, mask in files:
        assert (tmp_path / "out/images" / image.name).read_bytes() == image.read_bytes()
        assert (read_mask(tmp_path / "out/masks" / mask.name) == read_mask(mask)).all()


def test_label_map_is_applied(tmp_path):
    fill(tmp_path / "d", encode=lambda ids: (7 + 4 * ids).astype(np.uint8))
    (tmp_path / "d" / "labels.json").write_text('{"label_map": {"7": 0, "11": 1}}')
    repaired(tmp_path / "d", tmp_path / "out")
    assert (scan_folder(tmp_path / "out").read_labels(0) == scene(0)[1]).all()


def test_what_cannot_be_repaired_is_said(tmp_path):
    fill(tmp_path / "d", encode=lambda ids: ids * np.uint8(100))
    with pytest.raises(InputError, match="0, 100"):
        diagnose(tmp_path / "d").repair(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ids_beyond_8_bits(tmp_path):
    fill(tmp_path / "d", classes=3, encode=lambda ids: np.where(ids == 2, 300, ids.astype(np.uint16)))
    (tmp_path / "d" / "labels.json").write_text('{"ignore_class": 300}')
    diagnosis = diagnose(tmp_path / "d")
    diagnosis.repair(tmp_path / "out")
    assert read_mask(tmp_path / "out/masks/scene0.png").max() == 300


@pytest.mark.parametrize("place", ["d", "d/inside", "full", "file", "."])
def test_places_for_the_copy(tmp_path, place):
    fill(tmp_path / "d")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="Choose"):
        diagnose(tmp_path / "d").repair(tmp_path / place)
    assert snapshot(tmp_path) == before


def test_an_empty_folder_may_hold_the_copy(tmp_path):
    fill(tmp_path / "d")
    (tmp_path / "out").mkdir()
    repaired(tmp_path / "d", tmp_path / "out")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["d", "out"]


def test_nothing_to_copy(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="no pair"):
        diagnose(tmp_path / "d").repair(tmp_path / "out")
    assert not (tmp_path / "out").exists()
