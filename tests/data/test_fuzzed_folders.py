"""Good folders, changed at random: the right arrays or one line that says why not, and nothing else."""

import contextlib
import pathlib
import tempfile
import warnings

import numpy as np
import pytest
from fuzzed_folders import CHANGES, IMAGES, LAYOUTS, MASKS, number_of, plain, stored, write_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from keras_seg._validation import InputError
from keras_seg.data import find_splits, read_image, scan_folder

# NumPy and Pillow only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

COLORS = {(0, 0, 0): 0, (200, 30, 60): 1, (20, 180, 90): 2}
FOLDERS = st.tuples(st.sampled_from(sorted(LAYOUTS)), st.sampled_from(MASKS), st.sampled_from(IMAGES))
SEQUENCES = st.lists(st.tuples(st.sampled_from(range(len(CHANGES))), st.integers(0, 2**32 - 1)), max_size=3)


def readings(path, index):
    """All that the labels of a mask may be, by the independent reader."""
    values = stored(path)
    if index.colors:
        with Image.open(path) as image:
            painted = np.array(image.convert("RGB"))
        labels = np.full(painted.shape[:2], -9)
        for color, id_ in index.colors.items():
            labels[(painted == color).all(-1)] = id_
        return [labels]
    values = plain(values)
    if values is None:
        return []
    encoding = index.encoding
    if encoding.label_map:
        mapped = values.copy()
        for value, id_ in encoding.label_map:
            mapped[values == value] = id_
        return [mapped]
    found = [values]
    if index.num_classes == 2 and not index.ignore_class:
        if values.min() >= 0 and values.max() <= 255:
            found = [values] if values.max() <= 1 else [(values >= 128).astype(int)]
        with Image.open(path) if path.suffix.lower() != ".npy" else Image.new("L", (1, 1)) as image:
            if image.mode == "P":
                found.append((np.array(image.convert("L")) >= 128).astype(int))
    return found


def check_masks(folder, index):
    for place, (image, mask) in enumerate(index.pairs):
        labels = index.read_labels(place)
        assert any(np.array_equal(labels, reading) for reading in readings(mask, index)), (image, mask)
        counts = np.bincount(labels[~np.isin(labels, index.ignore_class)].ravel(), minlength=index.num_classes)
        assert counts.tolist() == index.pixel_counts[place].tolist()
        if not {image, mask} & folder.damaged and not folder.relabeled:
            truth = folder.truth[number_of(image)]
            assert np.array_equal(labels, truth), (image, mask)


def check_images(index):
    for place, (image, _) in enumerate(index.pairs):
        values = read_image(image, channels=3)
        assert values.shape[:2] == index.sizes[place]
        if image.suffix.lower() == ".npy":
            assert np.array_equal(values, np.load(image))
            continue
        with contextlib.suppress(UnidentifiedImageError), Image.open(image) as opened:
            if opened.mode == "RGB" and opened.format != "TIFF" and "transparency" not in opened.info:
                assert np.array_equal(values, np.array(opened))


def check(kinds, changes):
    layout, masks, images = kinds
    with tempfile.TemporaryDirectory() as name:
        folder = write_folder(pathlib.Path(name), layout, masks, images)
        for number, seed in changes:
            if folder.files:
                CHANGES[number](folder, np.random.default_rng(seed))
        colors = COLORS if masks == "colors" and not (folder.root / "labels.json").exists() else None
        try:
            splits = find_splits(folder.root)
            index = scan_folder(folder.root, split=splits[0] if splits else None, colors=colors, workers=1)
        except InputError as error:
            assert changes, error
            assert "\n" not in str(error) and str(error).strip()
            assert "Traceback" not in str(error)
            return
        check_masks(folder, index)
        check_images(index)
        if len(index) < 4:
            there = [file for file in folder.images if file.exists() and not file.name.startswith(".")]
            assert len(index) == len(there) or index.notices


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(FOLDERS, SEQUENCES)
def test_changed_folders(kinds, changes):
    check(kinds, changes)


# A TIFF whose number of bits could not be read was taken for one of 1 bit, and its mask inverted.
FOUND = [(("plain", "tiff", ".bmp"), [(4, 2357109922), (2, 2161555474), (0, 3121057550)])]


@pytest.mark.parametrize(("kinds", "changes"), FOUND)
def test_what_was_found(kinds, changes):
    check(kinds, changes)


@pytest.mark.slow
@settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))
@given(FOLDERS, SEQUENCES)
def test_many_changed_folders(kinds, changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(kinds, changes)
