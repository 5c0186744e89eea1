"""Dividing an index: every class in both parts where it can be, groups together, the same for the same seed."""

import re

import numpy as np
import pytest
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import FolderIndex, InstanceIndex, LabelEncoding, Pair, scan_instances, split_index

pytestmark = pytest.mark.tensorflow_only


def index(tmp_path, presence, names=None):
    """An index whose examples hold the classes of `presence`."""
    presence = np.array(presence)
    count, classes = presence.shape
    names = names or [f"{number:03d}" for number in range(count)]
    return FolderIndex(
        path=str(tmp_path),
        pairs=tuple(Pair(tmp_path / "images" / f"{name}.png", tmp_path / "masks" / f"{name}.png") for name in names),
        sizes=((4, 4),) * count,
        encoding=LabelEncoding(num_classes=classes, class_names=tuple(f"class_{number}" for number in range(classes))),
        pixel_counts=presence.astype("int64"),
        ignored_counts=np.zeros(count, "int64"),
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rare", [1, 2, 3])
def test_a_rare_class_is_trained_on_and_if_it_can_be_validated_on(tmp_path, rare, seed):
    presence = np.zeros((20, 3), int)
    presence[:, 0] = 1
    presence[:10, 1] = 1
    presence[7 : 7 + rare, 2] = 1
    train, val = split_index(index(tmp_path, presence), seed=seed)
    assert len(val) == 4 and len(train) == 16
    assert (train.class_pixels > 0).all() and (val.class_pixels > 0).tolist() == [True, True, rare > 1]
    said = any("Not in the validation images" in notice and "class_2" in notice for notice in train.notices)
    assert said == (rare == 1) and train.notices == val.notices


def test_many_rare_classes(tmp_path):
    presence = np.zeros((40, 9), int)
    presence[:, 0] = 1
    for class_ in range(1, 9):
        presence[[class_ * 2, class_ * 2 + 1], class_] = 1
    for seed in range(10):
        train, val = split_index(index(tmp_path, presence), seed=seed)
        assert (train.class_pixels > 0).all() and (val.class_pixels > 0).all() and len(val) == 8


def test_what_cannot_be_divided_is_said(tmp_path):
    train, val = split_index(index(tmp_path, np.eye(3)), validation_split=0.4)
    assert len(train) == 2 and len(val) == 1
    assert "Not in the training images" in " ".join(train.notices)


def test_the_draw_depends_on_the_seed_alone(tmp_path):
    whole = index(tmp_path, np.ones((30, 2)))
    drawn = [split_index(whole, seed=seed)[1].pairs for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    # As before classes were looked at: interrupted runs go on with the same images.
    expected = sorted(np.random.default_rng(0).permutation(30)[:6])
    assert [pair.image.stem for pair in drawn[0]] == [f"{number:03d}" for number in expected]


@pytest.mark.parametrize("groups", [r"^p\d+", r"^(p\d+)_", [number // 5 for number in range(30)]])
def test_groups_stay_together(tmp_path, groups):
    names = [f"p{number // 5}_{number}" for number in range(30)]
    for seed in range(5):
        train, val = split_index(index(tmp_path, np.ones((30, 2)), names), groups=groups, seed=seed)
        patients = [{pair.image.name.split("_")[0] for pair in part.pairs} for part in (train, val)]
        assert not patients[0] & patients[1] and len(val) == 5
    assert train.group_by == (groups if isinstance(groups, str) else None)


def test_a_class_of_one_group_is_trained_on(tmp_path):
    presence = np.ones((20, 2), int)
    presence[:, 1] = [number in (8, 9) for number in range(20)]
    for seed in range(10):
        train, _ = split_index(index(tmp_path, presence), groups=[number // 4 for number in range(20)], seed=seed)
        assert train.class_pixels[1] == 2


def test_a_large_group(tmp_path):
    train, val = split_index(index(tmp_path, np.ones((20, 2))), groups=[0] * 10 + [1] * 10)
    assert len(train) == len(val) == 10


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([1, 2], "`groups` must hold one key for each of the 4 examples"),
        ([1] * 4, "all 4 examples are in one group"),
        ("[", "`groups` is not a regular expression"),
        ("^x", "`groups` finds no group in the name 000.png"),
    ],
)
def test_groups_that_are_refused(tmp_path, groups, said):
    with pytest.raises(InputError, match=re.escape(said)) as error:
        split_index(index(tmp_path, np.ones((4, 2))), groups=groups)
    assert "\n" not in str(error.value)


def test_images_with_objects_are_in_both_parts(tmp_path):
    for number in range(10):
        ids = np.zeros((8, 8), "uint8")
        if number < 2:
            ids[2:4, 2:4], ids[5:7, 5:7] = 1, 2
        for kind, array in (("images", np.zeros((8, 8, 3), "uint8")), ("masks", ids)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / kind / f"{number}.png")
    whole = scan_instances(tmp_path, components=False)
    assert isinstance(whole, InstanceIndex)
    for seed in range(10):
        train, val = split_index(whole, seed=seed)
        assert train.object_counts.sum() == val.object_counts.sum() == 2
