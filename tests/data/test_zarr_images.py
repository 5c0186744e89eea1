"""`.zarr` stores as images and masks of a data folder."""

import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.data import diagnose, find_pairs, from_folder, read_image, read_instances, scan_folder, scan_instances

pytestmark = pytest.mark.tensorflow_only
zarr = pytest.importorskip("zarr")
RNG = np.random.default_rng(0)
BANDS = RNG.integers(0, 256, (6, 9, 4)).astype("uint8")
IDS = RNG.integers(0, 3, (6, 9)).astype("uint8")


def store(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    zarr.open_array(str(path), mode="w", shape=array.shape, chunks=(4, 4, 4)[: array.ndim], dtype=array.dtype)[:] = (
        array
    )
    return path


def test_a_folder_of_stores(tmp_path):
    for name in "ab":
        store(tmp_path / "images" / f"{name}.zarr", BANDS)
        store(tmp_path / "masks" / f"{name}.ZARR", IDS)
    index = scan_folder(tmp_path, channels=4)
    assert [pair.image.name for pair in index.pairs] == ["a.zarr", "b.zarr"]
    for cache in (False, tmp_path / "cache"):
        images, masks = next(iter(from_folder(index, batch_size=2, cache=cache)))
        np.testing.assert_array_equal(images[0], BANDS)
        np.testing.assert_array_equal(masks[1], IDS)


def test_stores_beside_other_files(tmp_path):
    store(tmp_path / "images" / "a.zarr", BANDS)
    (tmp_path / "masks").mkdir()
    np.save(tmp_path / "masks" / "a.npy", IDS)
    assert scan_folder(tmp_path, channels=4).class_pixels.tolist() == np.bincount(IDS.ravel()).tolist()


def test_a_store_that_changes_is_read_again_from_the_cache(tmp_path):
    store(tmp_path / "images" / "a.zarr", BANDS)
    store(tmp_path / "masks" / "a.zarr", IDS)
    options = {"channels": 4, "batch_size": 1, "cache": tmp_path / "cache"}
    next(iter(from_folder(tmp_path, **options)))
    store(tmp_path / "images" / "a.zarr", 255 - BANDS)
    np.testing.assert_array_equal(next(iter(from_folder(tmp_path, **options)))[0][0], 255 - BANDS)


def test_a_map_of_objects_is_a_file(tmp_path):
    store(tmp_path / "images" / "a.zarr", BANDS)
    path = store(tmp_path / "masks" / "a.zarr", IDS.astype("int32") * 300)
    np.testing.assert_array_equal(read_instances(path), IDS.astype(int) * 300)
    assert scan_instances(tmp_path, channels=4, components=False).object_counts.tolist() == [2]


def test_stores_in_lists(tmp_path):
    image, mask = store(tmp_path / "i" / "a.zarr", BANDS), store(tmp_path / "m" / "a.zarr", IDS)
    for name, line in (("images.txt", "i/a.zarr"), ("masks.txt", r"m\a.zarr")):
        (tmp_path / name).write_text(line)
    assert find_pairs((tmp_path / "images.txt", tmp_path / "masks.txt")) == [(image, mask)]


def test_a_repaired_copy_holds_the_stores(tmp_path):
    """They were taken for files, and the error said that the files had changed."""
    for name in "ab":
        store(tmp_path / "data" / "images" / f"{name}.zarr", BANDS if name == "a" else 255 - BANDS)
        store(tmp_path / "data" / "masks" / f"{name}.zarr", IDS)
    log = diagnose(tmp_path / "data", channels=4).repair(tmp_path / "out")
    assert log["pairs"] == 2 and not log["not_copied"]
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "images" / "a.zarr", channels=4), BANDS)
    assert scan_folder(tmp_path / "out", channels=4).class_pixels.tolist() == (2 * np.bincount(IDS.ravel())).tolist()


@pytest.mark.parametrize("broken", ["empty", "group"])
def test_what_is_no_array(tmp_path, broken):
    (tmp_path / "images" / "a.zarr").mkdir(parents=True)
    if broken == "group":
        zarr.open_group(str(tmp_path / "images" / "a.zarr"), mode="w")
    store(tmp_path / "masks" / "a.zarr", IDS)
    with pytest.raises(InputError, match=r"a\.zarr") as error:
        scan_folder(tmp_path)
    assert "\n" not in str(error.value)
