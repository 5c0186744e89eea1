"""Folders with a mask per class, whose classes overlap: files, bits, and channels."""

import json
import shutil

import numpy as np
import pytest
from made_data import overlapping
from PIL import Image

import keras_seg as ks
from keras_seg import _validation
from keras_seg._labels.class_bits import packed
from keras_seg.data import add_multilabel_targets, multilabel_targets, scan_multilabel
from keras_seg.data.pipeline.decoded_store import DecodedStore

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture
def folder(tmp_path):
    return overlapping(tmp_path / "data", train=3, split=False, val=0)


def white(path):
    with Image.open(path) as picture:
        return np.array(picture) > 0


def test_bits_are_the_classes_of_the_files(folder):
    index = scan_multilabel(folder)
    assert index.class_names == ("bar", "box") and len(index) == 3
    for position, pair in enumerate(index.pairs):
        masks = [white(folder / "masks" / name / pair.image.name) for name in index.class_names]
        bits = index.read_labels(position)
        np.testing.assert_array_equal(bits, masks[0] + 2 * masks[1])
        assert (bits == 3).any()  # They overlap.
        assert index.pixel_counts[position].tolist() == [mask.sum() for mask in masks]
        np.testing.assert_array_equal(multilabel_targets(bits, 2), np.stack(masks, -1))
        np.testing.assert_array_equal(packed(np.stack(masks, -1)), bits)
    assert index.subset([2]).class_files == index.class_files[2:]
    train, val = ks.data.split_index(index)
    assert (len(train), len(val)) == (2, 1)


def test_a_class_without_a_file_is_absent_and_several_files_are_joined(folder):
    (folder / "masks" / "bar" / "0.png").unlink()
    Image.fromarray(np.eye(48, 56) > 0).save(folder / "masks" / "box" / "1_2.png")
    index = scan_multilabel(folder)
    assert index.pixel_counts[0, 0] == 0 and index.presence[0].tolist() == [False, True]
    expected = white(folder / "masks" / "box" / "1.png") | (np.eye(48, 56) > 0)
    np.testing.assert_array_equal(index.read_labels(1) >> 1, expected)
    assert any("1 image has no file for some class" in line and "0.png" in line for line in index.notices)


def test_names_in_one_folder_and_the_order_of_the_label_file(folder):
    for name in ("bar", "box"):
        for file in (folder / "masks" / name).iterdir():
            file.rename(folder / "masks" / f"{file.stem}_{name}.png")
        (folder / "masks" / name).rmdir()
    (folder / "labels.json").write_text(json.dumps({"names": ["background", "box", "bar"]}))
    index = scan_multilabel(folder)
    assert index.class_names == ("box", "bar")
    assert scan_multilabel(folder, class_names=["bar", "none", "box"]).class_names == ("bar", "none", "box")
    (folder / "labels.json").write_text(json.dumps({"names": ["background", "box"]}))
    with pytest.raises(_validation.InputError, match="labels.json: does not list 'bar'"):
        scan_multilabel(folder)


def spoil_size(folder):
    Image.new("L", (9, 9)).save(folder / "masks" / "bar" / "0.png")


def spoil_values(folder):
    Image.fromarray(np.arange(48 * 56, dtype="uint16").reshape(48, 56)).save(folder / "masks" / "bar" / "0.png")


def lone_mask(folder):
    shutil.copy(folder / "masks" / "bar" / "0.png", folder / "masks" / "bar" / "stranger.png")


def lone_image(folder):
    shutil.copy(folder / "images" / "0.png", folder / "images" / "stranger.png")


def one_class(folder):
    shutil.rmtree(folder / "masks" / "bar")


def one_mask_each(folder):
    for file in (folder / "masks" / "bar").iterdir():
        file.rename(folder / "masks" / file.name)
    shutil.rmtree(folder / "masks" / "bar")
    shutil.rmtree(folder / "masks" / "box")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_size, r"bar/0.png: the mask is 9x9 \(height x width\), but its image 0.png is 48x56"),
        (spoil_values, "bar/0.png: holds 2688 values, but one of several masks of an image holds one object or class"),
        (lone_mask, "1 file has no partner: stranger.png. Give an image without any class one black mask"),
        (lone_image, "1 file has no partner: stranger.png"),
        (one_class, "holds one class, box. Move its masks to masks/ and use `task='semantic'`"),
        (one_mask_each, "holds no images with one mask per class in black and white, masks/CLASS/a.png"),
        (shutil.rmtree, "there is no such folder"),
    ],
)
def test_what_is_refused(folder, spoil, message):
    spoil(folder)
    with pytest.raises(_validation.InputError, match=message) as error:
        scan_multilabel(folder)
    assert "\n" not in str(error.value)


def test_splits(tmp_path):
    folder = overlapping(tmp_path)
    assert ks.data.find_splits(folder) == ("train", "val")
    assert [len(scan_multilabel(folder, split=split)) for split in ("train", "val")] == [4, 2]
    with pytest.raises(_validation.InputError, match="is divided into train, val. Pass split='train'"):
        scan_multilabel(folder)


def test_a_split_without_a_class_has_the_bits_of_train(tmp_path):
    """Without a file for `bar`, the first bit of val was `box`, which is the second one of train."""
    folder = overlapping(tmp_path)
    shutil.copytree(folder / "train" / "masks" / "box", folder / "train" / "masks" / "car")
    shutil.rmtree(folder / "val" / "masks" / "bar")
    train, val = (scan_multilabel(folder, split=split) for split in ("train", "val"))
    assert train.class_names == val.class_names == ("bar", "box", "car")
    box = white(folder / "val" / "masks" / "box" / val.pairs[0].image.name)
    np.testing.assert_array_equal(val.read_labels(0), 2 * box)
    assert val.presence.tolist() == [[False, True, False]] * 2


def test_a_cache_of_files_notices_a_changed_mask(folder, tmp_path):
    store = DecodedStore(scan_multilabel(folder), cache=tmp_path / "cache")
    before = store.get(0)[1]
    file = store.index.class_files[0][1][1]
    Image.fromarray(~white(file)).save(file)
    np.testing.assert_array_equal(store.get(0)[1] ^ before, 2)


def test_every_class_survives_augmentation():
    """Bit 30 is beyond the integers that float32 holds."""
    mask = np.zeros((40, 60), "int32")
    mask[10:30, 20:40], mask[20:, :] = (1 << 30) + (1 << 24) + 1, mask[20:, :] + (1 << 29)
    augment = ks.augmentation.standard(crop=(32, 32), scale=(0.8, 1.5))
    result = augment(np.zeros((40, 60, 3), "uint8"), mask, seed=(0, 1))[1].numpy()
    assert set(np.unique(result)) <= set(np.unique(mask)) and len(np.unique(result)) > 1


@pytest.mark.parametrize("label", [255, -1, 4])
def test_no_label_of_void_is_taken_for_classes(folder, label):
    """255 is the first eight classes, -1 all of them: pixels outside of an image held every class."""
    augment = ks.augmentation.standard(crop=32, ignore_class=label)
    said = rf"`augment` must not mark .* MultiLabelIndex\..*ignore_class={label}.*Give it ignore_class=None"
    with pytest.raises(_validation.InputError, match=said):
        ks.data.from_folder(scan_multilabel(folder), augment=augment)


def test_void_in_the_mask_of_a_class_is_refused(folder):
    """Pixels without a label, 255, were those of the class, and those of the class, 1, were none."""
    file = folder / "masks" / "bar" / "0.png"
    values = white(file).astype("uint8")
    values[0], values[-1] = 0, 255
    Image.fromarray(values).save(file)
    with pytest.raises(_validation.InputError, match="0.png: holds 3 values, but one of several masks"):
        scan_multilabel(folder)


@pytest.mark.parametrize("label", [None, 0])
def test_pixels_outside_of_an_image_are_of_no_class_or_mirrored(folder, label):
    augment = ks.augmentation.standard(crop=64, scale=0.5, ignore_class=label)
    dataset = ks.data.from_folder(scan_multilabel(folder), augment=augment, batch_size=3)
    assert set(np.unique(next(iter(dataset))[1])) <= {0, 1, 2, 3}


def test_channels_of_a_dataset(folder):
    index = scan_multilabel(folder)
    dataset = ks.data.from_folder(index, batch_size=3)
    masks = next(iter(dataset))[1].numpy()
    targets = next(iter(add_multilabel_targets(dataset, 2)))[1].numpy()
    assert targets.dtype == np.uint8
    np.testing.assert_array_equal(targets, multilabel_targets(masks, 2))


@pytest.mark.parametrize(
    ("labels", "num_classes", "message"),
    [
        (np.zeros((2, 2)), 2, "`labels` must be integers in 0..3, one bit per class"),
        (np.full((2, 2), 4), 2, "`labels` must be integers in 0..3"),
        (np.full((2, 2), -1), 2, "`labels` must be integers in 0..3"),
        (np.zeros((2, 2), int), 32, "`num_classes` must be at most 31"),
        (np.zeros((2, 2), int), 0, "`num_classes` must be an integer of at least 1"),
    ],
)
def test_wrong_targets(labels, num_classes, message):
    with pytest.raises(_validation.InputError, match=message):
        multilabel_targets(labels, num_classes)
