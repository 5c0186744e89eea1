"""Folds: each example validated once, classes spread, groups and copies together."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image
from test_split_index import index

from keras_seg._validation import InputError
from keras_seg.data import scan_folder, split_folds, write_shapes

pytestmark = pytest.mark.tensorflow_only


def names_of(part):
    return [pair.image.stem for pair in part.pairs]


@pytest.mark.parametrize(("count", "folds"), [(10, 5), (11, 5), (14, 5), (7, 7), (23, 2), (9, 4)])
def test_each_example_is_validated_once(tmp_path, count, folds):
    whole = index(tmp_path, np.random.default_rng(0).integers(0, 2, (count, 3)))
    parts = split_folds(whole, folds=folds)
    assert len(parts) == folds
    assert sorted(name for _, validation in parts for name in names_of(validation)) == names_of(whole)
    for number, (train, validation) in enumerate(parts, start=1):
        assert sorted(names_of(train) + names_of(validation)) == names_of(whole)
        assert names_of(train) == sorted(names_of(train))
        assert len(validation) in (count // folds, -(-count // folds))
        assert train.fold == validation.fold == (number, folds)


@pytest.mark.parametrize("seed", range(20))
def test_classes_are_spread(tmp_path, seed):
    rng = np.random.default_rng(seed)
    presence = np.ones((40, 5), int)
    for class_, count in ((1, 20), (2, 10), (3, 5), (4, 5)):
        presence[:, class_] = 0
        presence[rng.choice(40, count, replace=False), class_] = 1
    for train, validation in split_folds(index(tmp_path, presence), folds=5, seed=seed):
        in_fold = validation.presence.sum(axis=0)
        assert len(validation) == 8 and in_fold[3] == in_fold[4] == 1
        assert abs(in_fold[1] - 4) <= 1 and abs(in_fold[2] - 2) <= 1
        assert (train.class_pixels > 0).all()


def test_at_random_a_rare_class_would_not_be_spread(tmp_path):
    """Guards the test above: shuffled folds leave a class of five images out of some fold."""
    lacking = 0
    for seed in range(20):
        places = np.random.default_rng(seed).permutation(40).reshape(5, 8)
        lacking += any(not (fold < 5).any() for fold in places)
    assert lacking > 10


def test_the_folds_depend_on_the_seed_alone(tmp_path):
    whole = index(tmp_path, np.ones((30, 2)))
    drawn = [[names_of(validation) for _, validation in split_folds(whole, seed=seed)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_groups_stay_together(tmp_path):
    names = [f"p{number // 3}_{number:02d}" for number in range(30)]
    for groups in (r"^(p\d+)_", [name.split("_")[0] for name in names]):
        parts = split_folds(index(tmp_path, np.ones((30, 2)), names), folds=5, groups=groups)
        for train, validation in parts:
            patients = [{name.split("_")[0] for name in names_of(part)} for part in (train, validation)]
            assert not patients[0] & patients[1] and len(validation) == 6
            assert validation.group_by == (groups if isinstance(groups, str) else None)


def test_groups_of_very_different_sizes_leave_no_fold_empty(tmp_path):
    for sizes in ([20, 1, 1, 1], [9, 9, 1, 1, 1], [1, 1, 30]):
        keys = np.repeat(range(len(sizes)), sizes).tolist()
        for seed in range(5):
            parts = split_folds(index(tmp_path, np.ones((len(keys), 2))), folds=3, groups=keys, seed=seed)
            assert sum(len(validation) for _, validation in parts) == len(keys)


def test_copies_stay_together(tmp_path):
    write_shapes(tmp_path, train=6, val=1, image_size=(32, 32))
    folder = tmp_path / "train"
    for kind in ("images", "masks"):
        first = sorted((folder / kind).iterdir())[0]
        (folder / kind / "copy.png").write_bytes(first.read_bytes())
    whole = scan_folder(tmp_path, split="train")
    for seed in range(10):
        for _, validation in split_folds(whole, folds=3, seed=seed):
            held = names_of(validation)
            assert ("copy" in held) == ("000000" in held)
    with pytest.raises(InputError, match="at most the number of different images, 6 in"):
        split_folds(whole, folds=7)


def brighter(folder, source, names):
    """Near copies of an image and copies of its mask."""
    with Image.open(folder / "images" / source) as image:
        pixels = np.asarray(image).astype(int)
    for number, name in enumerate(names, start=1):
        near = np.minimum(pixels + 2 * number, 255).astype("uint8")
        Image.fromarray(near).save(folder / "images" / name)
        shutil.copy(folder / "masks" / source, folder / "masks" / name)


def test_images_that_look_alike_stay_together_where_a_fold_can_take_them(tmp_path):
    folder = write_shapes(tmp_path, train=7, val=1, image_size=(64, 64)) / "train"
    brighter(folder, "000000.png", ["alike.png"])
    for seed in range(5):
        parts = split_folds(scan_folder(tmp_path, split="train"), folds=4, seed=seed)
        for _, validation in parts:
            held = names_of(validation)
            assert ("alike" in held) == ("000000" in held)
    assert "Each in one fold: 1 group of images that look alike (2 images)." in parts[0][0].notices
    brighter(folder, "000001.png", [f"frame{number}.png" for number in range(4)])
    parts = split_folds(scan_folder(tmp_path, split="train"), folds=4)
    (said,) = (text for text in parts[0][0].notices if text.startswith("Warning: 5 images look alike, such as 000001"))
    assert "are in several" in said
    assert sum(len(validation) for _, validation in parts) == 12
    # Those that a group holds already need no word.
    alone = split_folds(scan_folder(tmp_path, split="train"), folds=2, groups=r"^(00000[0-9]|alike|frame)")
    assert len(alone) == 2


def test_rare_classes_are_named(tmp_path):
    presence = np.zeros((20, 4), int)
    presence[:, 0], presence[3, 1], presence[4:7, 2], presence[:5, 3] = 1, 1, 1, 1
    said = " ".join(split_folds(index(tmp_path, presence), folds=5)[0][0].notices)
    assert re.search(r"In one image or group only.*: class_1\.", said)
    assert "than there are folds: class_2." in said and "class_3" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"folds": 1}, "`folds` must be an integer of at least 2"),
        ({"folds": 2.0}, "`folds` must be an integer"),
        ({"folds": 7}, "`folds` must be at most the number of images, 6 in"),
        ({"folds": 3, "groups": [0, 0, 0, 1, 1, 1]}, "`folds` must be at most the number of groups of images, 2 in"),
        ({"folds": 2, "groups": [0] * 6}, "There is nothing to divide"),
        ({"folds": 2, "groups": [0] * 5}, "`groups` must hold one key for each of the 6"),
        ({"folds": 2, "groups": "(x"}, "`groups` is not a regular expression"),
        ({"seed": -1}, "`seed` must be an integer"),
    ],
)
def test_wrong_calls(tmp_path, given, said):
    with pytest.raises(InputError, match=said) as error:
        split_folds(index(tmp_path, np.ones((6, 2))), **given)
    assert "\n" not in str(error.value)
