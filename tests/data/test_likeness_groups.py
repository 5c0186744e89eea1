"""Images that are copies or look alike stay in one part of a division into training and validation."""

import pytest
from test_split_folds import brighter, names_of

from keras_seg.data import scan_folder, split_index, write_shapes

pytestmark = pytest.mark.tensorflow_only


@pytest.mark.parametrize("names", [["alike.png"], ["alike.png", "again.png", "third.png"]])
def test_they_stay_in_one_part(tmp_path, names):
    folder = write_shapes(tmp_path, train=9, val=1, image_size=(64, 64)) / "train"
    brighter(folder, "000000.png", names)
    whole, together = scan_folder(tmp_path, split="train"), {"000000", *(name.split(".")[0] for name in names)}
    validated = 0
    for seed in range(12):
        train, val = split_index(whole, seed=seed, validation_split=0.3)
        held = together & set(names_of(val))
        assert held in (set(), together)
        assert len(train) + len(val) == len(whole) and abs(len(val) - 0.3 * len(whole)) <= 1
        validated += bool(held)
    assert 0 < validated < 12
    assert f"Each in one part: 1 group of images that look alike ({len(together)} images)." in train.notices


def test_more_than_a_part_can_take_are_divided_with_a_warning(tmp_path):
    folder = write_shapes(tmp_path, train=2, val=1, image_size=(64, 64)) / "train"
    brighter(folder, "000001.png", [f"frame{number}.png" for number in range(8)])
    train, val = split_index(scan_folder(tmp_path, split="train"))
    assert len(val) == 2
    (said,) = (text for text in train.notices if text.startswith("Warning: 9 images look alike"))
    assert "too many for one part, so they are in several" in said


def test_copies_of_one_image_are_divided_all_the_same(tmp_path):
    folder = write_shapes(tmp_path, train=1, val=1, image_size=(32, 32)) / "train"
    for kind in ("images", "masks"):
        for name in ("a.png", "b.png"):
            (folder / kind / name).write_bytes((folder / kind / "000000.png").read_bytes())
    train, val = split_index(scan_folder(tmp_path, split="train"))
    assert (len(train), len(val)) == (2, 1)
