"""A scan opens every file of pixels once: decoding is what it takes its time for."""

import collections
import dataclasses
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from keras_seg.data import scan_folder, scan_instances
from keras_seg.data.index.kept_maps import KeptMaps
from keras_seg.training.tasks import find_task

# NumPy and Pillow only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

OPENED = collections.Counter()
WATCHED = []


def watch(event, arguments):
    if event == "open" and WATCHED and str(arguments[0]).startswith(WATCHED[0]):
        OPENED[str(arguments[0])] += 1


sys.addaudithook(watch)  # It cannot be removed; without a watched folder it does nothing.


@pytest.fixture
def opened(tmp_path):
    OPENED.clear()
    yield lambda: WATCHED.append(str(tmp_path))
    WATCHED.clear()


def masks(kind):
    ids = np.zeros((12, 16), "uint8")
    ids[2:5, 2:5], ids[7:10, 8:14] = 1, 2
    image = Image.fromarray(ids)
    if kind in ("palette", "white first"):
        image = Image.frombytes("P", (16, 12), np.minimum(ids, 1 if kind == "white first" else 9).tobytes())
        image.putpalette([255, 255, 255, 0, 0, 0] if kind == "white first" else [0, 0, 0, 200, 10, 20, 10, 200, 20])
    if kind == "colors":
        image = Image.fromarray(np.array([[0, 0, 0], [200, 10, 20], [10, 200, 20]], "uint8")[ids])
    return image


@pytest.mark.parametrize("kind", ["ids", "palette", "white first", "colors"])
def test_masks(tmp_path, opened, kind):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "abc":
        Image.new("RGB", (16, 12)).save(tmp_path / "images" / f"{name}.jpg")
        masks(kind).save(tmp_path / "masks" / f"{name}.png")
    colors = {(0, 0, 0): 0, (200, 10, 20): 1, (10, 200, 20): 2} if kind == "colors" else None
    opened()
    scan_folder(tmp_path, colors=colors, workers=1)
    counts = {path.rsplit("/", 1)[1]: count for path, count in OPENED.items() if path.endswith(("jpg", "png"))}
    assert len(counts) == 6 and set(counts.values()) == {1}


@pytest.mark.parametrize("layout", ["numbers", "white first", "one file per object", "one folder per image"])
def test_objects(tmp_path, opened, layout):
    for name in "ab":
        if layout == "one folder per image":
            image, objects = tmp_path / name / "images" / f"{name}.png", tmp_path / name / "masks"
        else:
            image, objects = tmp_path / "images" / f"{name}.png", tmp_path / "masks" / name
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 12)).save(image)
        if layout.startswith("one"):
            objects.mkdir(parents=True, exist_ok=True)
            for number in (1, 2):
                one = np.asarray(masks("ids")) == number
                Image.fromarray(one.astype("uint8") * 255).save(objects / f"{name}{number}.png")
        else:
            objects.parent.mkdir(exist_ok=True)
            masks("palette" if layout == "numbers" else layout).save(objects.with_suffix(".png"))
    opened()
    index = scan_instances(tmp_path, workers=1)
    assert index.object_counts.min() > 0
    assert len(OPENED) >= 4 and set(OPENED.values()) == {1}
    if layout.startswith("one"):  # The plan looks at the objects of some images, whose files are many.
        shares = find_task("instances").class_statistics(index)["class_share"]
        assert set(OPENED.values()) == {1}
        without = dataclasses.replace(index, _kept=KeptMaps(0))
        assert find_task("instances").class_statistics(without)["class_share"] == shares
        assert max(OPENED.values()) > 1


def test_maps_within_the_budget():
    rng = np.random.default_rng(0)
    maps = {pathlib.Path(str(number)): rng.integers(-1, 3, (7, 9), "int32") for number in range(4)}
    kept = KeptMaps(1000)
    for path, ids in maps.items():
        packed = kept.packed(ids)
        if packed is not None:
            kept.keep(path, packed)
    found = {path: kept.get(path) for path in maps}
    assert [ids is not None for ids in found.values()] == [True, True, False, False]  # Of up to 504 bytes each.
    for path, ids in found.items():
        assert ids is None or (ids.dtype == np.int32 and np.array_equal(ids, maps[path]))
