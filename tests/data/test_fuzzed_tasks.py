"""Folders with several masks per image, and folders to predict, changed at random: as `test_fuzzed_folders` for these.

Whatever happens to the files, the result is right for every file, or one line says what is wrong.
"""

import itertools
import pathlib
import tempfile
import warnings

import fuzzed_folders as fuzzed
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from usable_models import usable_model

from keras_seg._validation import InputError
from keras_seg.data import find_instance_splits, find_splits, read_image, scan_instances, scan_multilabel
from keras_seg.training import prediction_files as predicting
from keras_seg.training.prediction_inputs import find_images

# NumPy and Pillow only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

SEQUENCES = st.lists(st.tuples(st.sampled_from(range(len(fuzzed.CHANGES))), st.integers(0, 2**32 - 1)), max_size=3)
NUMBERED = ("ids", "16 bits", "palette", "npy", "tiff")
OBJECTS = st.one_of(
    st.tuples(st.sampled_from(sorted(fuzzed.LAYOUTS)), st.sampled_from(NUMBERED), st.sampled_from(fuzzed.IMAGES)),
    st.tuples(
        st.sampled_from(sorted(fuzzed.OBJECT_LAYOUTS)),
        st.sampled_from(fuzzed.PART_MASKS),
        st.sampled_from(fuzzed.IMAGES),
    ),
)
CLASSES = st.tuples(
    st.sampled_from(sorted(fuzzed.CLASS_LAYOUTS)), st.sampled_from(fuzzed.PART_MASKS), st.sampled_from(fuzzed.IMAGES)
)
FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))


def whites(path):
    """All that the white pixels of a mask may be, by the independent reader."""
    values = fuzzed.plain(fuzzed.stored(path))
    found = [] if values is None else [values > 0, values >= 128]
    if path.suffix.lower() not in (".npy", ".tif"):
        with Image.open(path) as image:
            if image.mode == "P":
                found.append(np.array(image.convert("L")) >= 128)
    return found


def joined(masks):
    """The larger ones first, so that the smaller ones lie on top."""
    ids = np.zeros(masks[0].shape, "int64")
    for number in sorted(range(len(masks)), key=lambda place: (-masks[place].sum(), -place)):
        ids[masks[number]] = number + 1
    return ids


def same_parts(one, other):
    """Whether two maps hold the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(len(set(row)) == len(row) for row in pairs) and np.array_equal(one == 0, other == 0)


def changed(write, kinds, changes):
    """The folder, changed, in a temporary one."""
    layout, masks, images = kinds
    folder = write(pathlib.Path(tempfile.mkdtemp(dir=changed.place)), layout, masks, images)
    for number, seed in changes:
        if folder.files:
            fuzzed.CHANGES[number](folder, np.random.default_rng(seed))
    return folder


@pytest.fixture(autouse=True, scope="module")
def place(tmp_path_factory):
    changed.place = tmp_path_factory.mktemp("changed")


def one_line(error):
    return "\n" not in str(error) and str(error).strip() and "Traceback" not in str(error)


def scanned(folder, changes, find, scan):
    """The index of the folder, or None if it is refused in one line."""
    try:
        splits = find(folder.root)
        index = scan(folder.root, split=splits[0] if splits else None, workers=1)
    except InputError as error:
        assert changes, error
        assert one_line(error)
        return None
    there = [file for file in folder.images if file.exists() and not file.name.startswith(".")]
    assert len(index) >= len(there) or index.notices  # Two changes may add an image and its mask.
    return index


def check_objects(kinds, changes):
    parts = kinds[0] in fuzzed.OBJECT_LAYOUTS
    folder = changed(fuzzed.write_parts if parts else fuzzed.write_folder, kinds, changes)
    index = scanned(folder, changes, find_instance_splits, scan_instances)
    if index is None:
        return
    for place, (image, mask) in enumerate(index.pairs):
        labels = index.read_labels(place)
        assert np.array_equal(index._scanned_labels(place), labels)
        assert index.object_counts[place] == len(np.unique(labels[labels > 0])) or index.notices
        if mask.is_dir():
            files = sorted(
                file for file in mask.iterdir() if not file.name.startswith(".") and file.name != "Thumbs.db"
            )
            files = [file for file in files if file.suffix.lower() in (".png", ".gif")]
            readings = [joined(choice) for choice in itertools.product(*map(whites, files))]
            untouched = not {image, *files} & folder.damaged
        else:
            values = fuzzed.plain(fuzzed.stored(mask))
            readings = [values] if not index.components else [ndimage.label(white)[0] for white in whites(mask)]
            untouched = not {image, mask} & folder.damaged and not index.components
        assert any(same_parts(labels, reading) for reading in readings), (image, mask)
        if untouched and image.stem != "extra":  # A copy of some image, whose mask is a copy of any mask.
            number = fuzzed.number_of(image)
            truth = fuzzed.drawn(number, 3)
            if parts:
                present = [file.exists() and not file.name.startswith(".") for file in folder.truth[number]]
                there = [part for part, is_there in zip(fuzzed.shown(number), present, strict=True) if is_there]
                # Renamed files are still there.
                if len(there) < len(files):
                    continue
                truth = joined(there)
            assert same_parts(labels, truth), (image, mask)


def check_classes(kinds, changes):
    folder = changed(fuzzed.write_parts, kinds, changes)
    index = scanned(folder, changes, find_splits, scan_multilabel)
    if index is None:
        return
    listed = [file for file in folder.mask_files if file.exists() and not file.name.startswith(".")]
    used = {file for files in index.class_files for _, file in files}
    assert used >= set(listed), set(listed) - used
    for place, (image, _) in enumerate(index.pairs):
        labels = index.read_labels(place)
        for id_, name in enumerate(index.class_names):
            files = [file for number, file in index.class_files[place] if number == id_]
            assert all(name in str(file.relative_to(folder.root)).lower() for file in files)
            readings = [
                np.any([np.zeros(labels.shape, bool), *choice], axis=0)
                for choice in itertools.product(*map(whites, files))
            ]
            bits = labels >> id_ & 1 > 0
            assert any(np.array_equal(bits, reading) for reading in readings), (image, name)
            assert index.pixel_counts[place, id_] == bits.sum()
            if files and not {image, *files} & folder.damaged:
                number = fuzzed.number_of(image)
                assert np.array_equal(bits, fuzzed.shown(number, overlapping=True)[fuzzed.PARTS.index(name)])


def check_predicted(kinds, changes):
    """A model whose class is whether red is at least 80: its masks tell what it was given."""
    folder = changed(fuzzed.write_folder, ("plain", "ids", kinds), changes)
    out = pathlib.Path(tempfile.mkdtemp(dir=changed.place))
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    model.predict_on_batch = lambda images: np.stack([80.0 - images[..., 0], images[..., 0] - 80.0], -1)
    lines = []
    try:
        found = find_images([folder.root / "images"])
        files = predicting.prediction_files(found, out)
        failures = predicting.predict_files(usable_model(None), model, files, notice=lines.append)
    except InputError as error:
        assert changes and one_line(error), error
        return
    failed = {failure.image: failure.reason for failure in failures}
    assert all(map(one_line, failed.values()))
    there = [file for file in folder.images if file.exists() and not file.name.startswith(".")]
    assert {file.image for file in files} >= set(there)
    for file in files:
        assert file.mask.exists() != (file.image in failed)
        if file.image in failed:
            assert file.image in folder.damaged or file.image not in folder.images
            continue
        labels = np.array(Image.open(file.mask))
        assert np.array_equal(labels, read_image(file.image)[..., 0] > 80)
        if file.image in folder.images and file.image not in folder.damaged:
            assert (labels == (fuzzed.stored(file.image)[..., 0] > 80)).all()


CHECKS = {
    "objects": (check_objects, OBJECTS),
    "classes": (check_classes, CLASSES),
    "predicted": (check_predicted, st.sampled_from((".png", ".jpg", ".tif", ".bmp"))),
}
# What the fuzzer found: (task, kinds, changes).
FOUND = [
    ("objects", ("deeper", "ids", ".png"), []),
    ("classes", ("classes in names", "bits", ".bmp"), [(3, 3717752617)]),
    ("objects", ("deeper", "ids", ".png"), [(9, 1451), (9, 3509998)]),
    ("classes", ("classes in names", "white", ".png"), [(3, 77888662)]),
    ("predicted", ".tif", [(0, 3141645793), (13, 1404612348), (0, 1656220015)]),
]


@pytest.mark.parametrize("task", CHECKS)
@FEW
@given(st.data())
def test_changed_folders(task, data):
    check, kinds = CHECKS[task]
    check(data.draw(kinds), data.draw(SEQUENCES))


@pytest.mark.slow
@pytest.mark.parametrize("task", CHECKS)
@MANY
@given(st.data())
def test_many_changed_folders(task, data):
    check, kinds = CHECKS[task]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(data.draw(kinds), data.draw(SEQUENCES))


@pytest.mark.parametrize(("task", "kinds", "changes"), FOUND)
def test_what_was_found(task, kinds, changes):
    CHECKS[task][0](kinds, changes)
