"""The arithmetic of the diagnosis against slow references."""

import numpy as np
import pytest

from keras_seg.data.diagnosis.border_offset import border_offset
from keras_seg.data.diagnosis.examine import CAP, Files, examine
from keras_seg.data.diagnosis.specks import count_specks
from keras_seg.data.index import near_duplicates as near_duplicates_module
from keras_seg.data.index.image_hashes import image_hashes
from keras_seg.data.index.near_duplicates import near_duplicates

pytestmark = pytest.mark.tensorflow_only


@pytest.mark.parametrize("seed", range(6))
def test_specks_against_scipy(seed):
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2 + seed % 3, (23, 31))
    slow = 0
    for value in np.unique(labels):
        _, regions = np.unique(ndimage.label(labels == value)[0], return_counts=True)
        slow += int((regions[1:] < 5).sum()) if (labels != value).any() else 0
    assert count_specks(labels) == slow


def picture(seed):
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3))
    return np.kron(blocks, np.ones((16, 16, 1))).astype(np.uint8)


def test_near_duplicates_are_found_and_nothing_else():
    images = [picture(seed) for seed in range(300)]
    brighter = np.clip(images[7].astype(int) + 3, 0, 255).astype(np.uint8)
    changed = images[9].copy()
    changed[32:64, 32:64] = 255 - changed[32:64, 32:64]  # An object that moved is another image.
    looks = [image_hashes(image) for image in [*images, brighter, images[8], changed]]
    assert near_duplicates(looks) == [[7, 300]]
    assert near_duplicates([]) == []


def test_a_video_is_one_group_and_flat_images_none():
    start = picture(0).astype(int)
    frames = [image_hashes(np.clip(start + number % 5, 0, 255).astype(np.uint8)) for number in range(5)]
    flat = [image_hashes(np.full((32, 32, 3), value, np.uint8)) for value in range(5)]
    assert near_duplicates([*frames, *flat]) == [[0, 1, 2, 3, 4]]


def test_four_different_bits_are_always_found():
    rng = np.random.default_rng(0)
    one = image_hashes(picture(1))
    for _ in range(50):
        bits = sum(1 << int(bit) for bit in rng.choice(64, 4, replace=False))
        other = one._replace(shape=one.shape ^ bits, pixels=b"other")
        assert near_duplicates([one, other]) == [[0, 1]]


@pytest.mark.parametrize("shift", [(0, 0), (2, 0), (-5, 3), (8, -8)])
def test_offset_of_a_shifted_mask(shift):
    labels = np.zeros((100, 100), np.uint8)
    labels[30:60, 25:70] = 1
    gray = (50 + 100 * labels).astype(np.uint8)
    assert border_offset(gray, np.roll(labels, (-shift[0], -shift[1]), (0, 1))) == shift


def test_no_offset_without_edges():
    rng = np.random.default_rng(0)
    labels = np.zeros((100, 100), np.uint8)
    labels[30:60, 25:70] = 1
    assert border_offset(rng.integers(0, 255, (100, 100)).astype(np.uint8), labels) is None
    assert border_offset(np.zeros((100, 100), np.uint8), labels) is None


def test_facts_are_small_whatever_the_image(tmp_path):
    """The memory per file does not grow with its pixels or values: 100,000 files fit."""
    rng = np.random.default_rng(0)
    for side in (64, 512):
        np.save(tmp_path / f"image{side}.npy", rng.integers(0, 255, (side, side, 3)).astype(np.uint8))
        np.save(tmp_path / f"mask{side}.npy", np.arange(side * side, dtype=np.int32).reshape(side, side))
        files = Files(0, tmp_path / f"image{side}.npy", tmp_path / f"mask{side}.npy")
        found = examine(files, channels=3, objects=False, painted=False)
        assert len(found.mask.counts) == CAP and found.many
        assert len(found.image.hashes.thumbnail) == 256 and len(found.image.hashes.pixels) == 16
        held = [getattr(item, name) for item in (found, found.image) for name in item.__slots__]
        assert not any(isinstance(value, np.ndarray) for value in [*held, *found.image.hashes, *found.mask])


def test_few_comparisons_per_image(monkeypatch):
    """Near-linear: of 20,000 images, each is compared with a few, and not with 10,000."""
    compared = []
    distance = near_duplicates_module._distance
    monkeypatch.setattr(near_duplicates_module, "_distance", lambda a, b: compared.append(len(b)) or distance(a, b))
    hashes = np.random.default_rng(0).integers(0, 2**63, 20_000).astype(np.uint64)
    assert not list(near_duplicates_module._close(hashes))
    # Five bands of at least 12 bits, the highest of which is constant in half of its values: n / 2 / 2^11.
    assert sum(compared) < 20_000 * 5 * 20_000 / 2 / 2**11
