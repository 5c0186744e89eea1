import ast
import concurrent.futures
import os
import pathlib
import threading

import numpy as np
import pytest
from PIL import Image

import keras_seg.augmentation
import keras_seg.data
from keras_seg._validation import InputError
from keras_seg.augmentation import standard
from keras_seg.data import from_folder, scan_folder
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.data.pipeline.unwrap_error import unwrap_error

tf = pytest.importorskip("tensorflow")

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


def write(root, name, image, mask):
    for kind, array in (("images", image), ("masks", mask)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(array)).save(root / kind / f"{name}.png")


@pytest.fixture
def numbered(tmp_path):
    """Ten images of 16x20 pixels; image n has the value 10 n everywhere, and its mask shows n in one pixel."""
    for n in range(10):
        mask = np.zeros((16, 20), "uint8")
        mask[0, 0] = n
        write(tmp_path, f"{n}", np.full((16, 20, 3), 10 * n, "uint8"), mask)
    return tmp_path


def order(dataset, take=None):
    """The numbers of the images, batch by batch."""
    dataset = dataset if take is None else dataset.take(take)
    return [[round(float(image[0, 0, 0]) / 10) for image in images] for images, _ in dataset]


def numbers(dataset, take=None):
    return [number for batch in order(dataset, take) for number in batch]


def arrays(dataset):
    return [(images.numpy(), masks.numpy()) for images, masks in dataset]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_without_shuffle_in_the_order_of_the_folder(numbered):
    dataset = from_folder(numbered, batch_size=4)
    assert order(dataset) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert int(dataset.cardinality()) == 3
    for images, masks in dataset:
        assert images.dtype == tf.float32 and masks.dtype == tf.int32
        np.testing.assert_array_equal(images[:, 3, 3, 0] / 10, masks[:, 0, 0])


def test_static_shapes(numbered):
    image, mask = from_folder(numbered, batch_size=4).element_spec
    assert image.shape == (None, 16, 20, 3) and mask.shape == (None, 16, 20)
    image, mask = from_folder(numbered, batch_size=5, image_size=(8, 8), channels=1).element_spec
    assert image.shape == (5, 8, 8, 1) and mask.shape == (5, 8, 8)
    image, mask = from_folder(numbered, batch_size=4, augment=standard(crop=(12, 8)), repeat=True).element_spec
    assert image.shape == (4, 12, 8, 3) and mask.shape == (4, 12, 8)


def test_shuffled_epochs_hold_everything_once_and_differ(numbered):
    dataset = from_folder(numbered, batch_size=4, shuffle=True)
    epochs = [numbers(dataset) for _ in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    again = from_folder(numbered, batch_size=4, shuffle=True)
    assert [numbers(again) for _ in range(3)] == epochs
    tf.random.set_seed(77)  # Somebody else's seed is not ours.
    assert [
        numbers(dataset) for dataset in [from_folder(numbered, batch_size=4, shuffle=True)] for _ in "123"
    ] == epochs
    other = from_folder(numbered, batch_size=4, shuffle=True, seed=1)
    assert numbers(other) != epochs[0]


def test_every_position_is_as_likely(numbered):
    epochs = order(from_folder(numbered, batch_size=10, shuffle=True, repeat=True), take=200)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    # 200 draws of ten: each number is at each place about 20 times, with a standard deviation of 4.2.
    places = np.stack([np.bincount(place, minlength=10) for place in np.transpose(epochs)])
    assert places.max() < 42 and places.min() > 3
    assert 12 < (places - 20).std() ** 2 < 26  # 18 for independent draws; far less would mean a fixed cycle of orders.


def test_augmentation_is_the_same_again_whatever_the_workers(numbered):
    augment = standard(crop=(8, 8), scale=(0.7, 1.4))
    runs = [arrays(from_folder(numbered, augment=augment, workers=workers)) for workers in (1, 4, None)]
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


def test_one_example_is_augmented_differently_in_every_epoch(numbered):
    index = scan_folder(numbered).subset([9])
    dataset = from_folder(index, batch_size=1, augment=standard(crop=(8, 8), color=0.5), repeat=True)
    means = [float(images.numpy().mean()) for images, _ in dataset.take(5)]
    assert len(set(means)) == 5


@pytest.mark.parametrize("steps", [None, 2, 7])
def test_resumed_run_gets_what_it_would_have_had(numbered, steps):
    arguments = {"augment": standard(crop=(8, 8)), "batch_size": 3, "repeat": True, "steps_per_epoch": steps, "seed": 5}
    length = steps or 4  # Ten examples by three.
    whole = arrays(from_folder(numbered, **arguments).take(3 * length))
    assert all(images.shape[0] == 3 for images, _ in whole)
    resumed = arrays(from_folder(numbered, first_epoch=2, **arguments).take(length))
    assert_same(whole[2 * length :], resumed)
    assert (whole[0][0] != resumed[0][0]).any()


def test_long_epochs_go_through_the_data_again_and_again(numbered):
    dataset = from_folder(numbered, batch_size=5, shuffle=True, repeat=True, steps_per_epoch=4)
    seen = numbers(dataset, take=4)
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10)) and seen[:10] != seen[10:]


def test_size_resizes_image_and_mask(tmp_path):
    mask = np.zeros((8, 12), "uint8")
    mask[:, 6:] = 3
    write(tmp_path, "a", np.repeat(mask[..., None] * 60, 3, -1), mask)
    [(images, masks)] = arrays(from_folder(tmp_path, image_size=(4, 6)))
    np.testing.assert_array_equal(masks[0], [[0, 0, 0, 3, 3, 3]] * 4)
    assert images.shape == (1, 4, 6, 3)
    np.testing.assert_allclose(images[0, :, 0], 0.0, atol=1e-3)
    np.testing.assert_allclose(images[0, :, 5], 180.0, atol=1e-3)
    assert 0 < images[0, 0, 2, 0] < 90 < images[0, 0, 3, 0] < 180  # Antialiased across the edge, symmetric about it.


def test_sixteen_bit_images_keep_their_fractions(tmp_path):
    write(tmp_path, "a", np.full((4, 4), 300, "uint16"), np.eye(4, dtype="uint8"))
    [(images, _)] = arrays(from_folder(tmp_path))
    np.testing.assert_allclose(images, 300 / 257, rtol=1e-6)


@pytest.mark.parametrize("cache", ["memory", True, "files"])
def test_cache_decodes_once_and_changes_nothing(numbered, tmp_path, cache, monkeypatch):
    import keras_seg.data.pipeline.decoded_store as store

    plain = arrays(from_folder(numbered, batch_size=4))
    index = scan_folder(numbered)
    reads = []
    read_image = store.read_image
    monkeypatch.setattr(store, "read_image", lambda path, **k: reads.append(path) or read_image(path, **k))
    cache = str(tmp_path / "cache") if cache == "files" else cache
    dataset = from_folder(index, batch_size=4, cache=cache)
    for _ in range(3):
        assert_same(arrays(dataset), plain)
    assert len(reads) == 10
    if cache not in ("memory", True):
        assert_same(arrays(from_folder(index, batch_size=4, cache=cache)), plain)
        assert len(reads) == 10  # Another run reads the files.
        changed = numbered / "images/3.png"
        Image.fromarray(np.full((16, 20, 3), 99, "uint8")).save(changed)
        os.utime(changed, ns=(1, 1))
        assert 9.9 in np.concatenate([images[:, 0, 0, 0] / 10 for images, _ in from_folder(index, cache=cache)]).round(
            1
        )


def test_two_threads_write_one_entry_of_the_cache(numbered, tmp_path, monkeypatch):
    store = DecodedStore(scan_folder(numbered), cache=tmp_path / "cache")
    savez, barrier = np.savez, threading.Barrier(2)

    def at_once(stream, **entries):
        barrier.wait(20)
        savez(stream, **entries)
        barrier.wait(20)

    with monkeypatch.context() as patch, concurrent.futures.ThreadPoolExecutor(2) as pool:
        patch.setattr(np, "savez", at_once)
        found = [job.result() for job in [pool.submit(store.get, 3) for _ in range(2)]]
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".npz"]
    monkeypatch.setattr(store, "_decode", None)  # The entry is read.
    for image, mask in [*found, store.get(3)]:
        np.testing.assert_array_equal(image, np.full((16, 20, 3), 30))
        assert mask[0, 0] == mask.sum() == 3


@pytest.mark.parametrize(
    ("number", "reason"), [(28, "No space left on device). Free some space, or"), (5, "Input/output error). Choose")]
)
def test_a_cache_that_cannot_be_written(numbered, tmp_path, monkeypatch, number, reason):
    index = scan_folder(numbered)
    store = DecodedStore(index, cache=tmp_path / "cache")

    def failing(stream, **entries):
        stream.write(b"half")
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", failing)
        with pytest.raises(InputError) as error:
            store.get(0)
    assert f".npz: cannot be written ({reason}" in str(error.value) and "\n" not in str(error.value)
    assert list((tmp_path / "cache").iterdir()) == []
    assert store.get(0)[0].shape == (16, 20, 3)
    with pytest.raises(InputError, match="is an address, and this is written to a disk"):
        from_folder(index, cache="s3://bucket/cache")
    assert not pathlib.Path("s3:").exists()


@pytest.mark.parametrize("bits", [8, 16])
def test_augmentation_cannot_write_into_the_cache(tmp_path, bits):
    write(tmp_path, "a", np.full((64, 64), 100, f"uint{bits}"), np.eye(64, dtype="uint8"))

    def add(image, mask, seed):
        return tf.cast(image, tf.float32) + 1.0, mask + tf.ones_like(mask)

    dataset = from_folder(tmp_path, augment=add, cache=True)
    assert_same(arrays(dataset), arrays(dataset))


def test_images_of_different_sizes(tmp_path):
    for n, size in enumerate([(8, 10), (12, 9)]):
        write(tmp_path, f"{n}", np.zeros((*size, 3), "uint8"), np.eye(*size, dtype="uint8"))
    with pytest.raises(InputError) as error:
        from_folder(tmp_path, batch_size=2)
    text = str(error.value)
    assert "\n" not in text and all(fix in text for fix in ("image_size=(height, width)", "crop", "batch_size=1"))
    with pytest.raises(InputError, match="differ in size"):
        from_folder(tmp_path, batch_size=2, augment=standard())
    assert [images.shape for images, _ in arrays(from_folder(tmp_path, batch_size=1))] == [(1, 8, 10, 3), (1, 12, 9, 3)]
    for arguments in ({"image_size": 6}, {"augment": standard(crop=6)}):
        [(images, masks)] = arrays(from_folder(tmp_path, batch_size=2, **arguments))
        assert images.shape == (2, 6, 6, 3) and masks.shape == (2, 6, 6)
    for cache in (True, str(tmp_path / "cache")):
        assert len(arrays(from_folder(tmp_path, batch_size=1, cache=cache))) == 2


def test_file_that_breaks_during_training_is_named(numbered):
    index = scan_folder(numbered)
    broken = numbered / "images/4.png"
    broken.write_bytes(broken.read_bytes()[:30])
    with pytest.raises(Exception, match=r"4\.png") as error:
        list(from_folder(index))
    found = unwrap_error(error.value)
    assert isinstance(found, InputError) and "\n" not in str(found)
    assert str(found).startswith(str(broken)) and str(found).endswith(
        "remove it (in a data folder, together with its mask)."
    )
    broken.unlink()
    with pytest.raises(Exception, match=r"4\.png") as error:
        list(from_folder(index))
    assert str(unwrap_error(error.value)).startswith(f"{broken}: there is no such file")


def test_file_that_changes_size_is_named(numbered):
    index = scan_folder(numbered)
    Image.new("RGB", (5, 5)).save(numbered / "images/4.png")
    with pytest.raises(Exception, match=r"4\.png") as error:
        list(from_folder(index))
    assert "size changed" in str(unwrap_error(error.value))


def test_pipeline_error_of_something_else():
    assert unwrap_error(RuntimeError("out of memory")) is None
    same = InputError("a.png: bad.")
    assert unwrap_error(same) is same


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch_size": 0}, "`batch_size`"),
        ({"seed": -1}, "`seed`"),
        ({"cache": 3}, "`cache`"),
        ({"augment": "standard"}, "`augment`"),
        ({"augment": keras_seg.augmentation.AugmentationLayer(standard(crop=8))}, "layer.augmentation"),
        ({"image_size": (0, 4)}, "`image_size`"),
        ({"first_epoch": 2}, "repeat=True"),
        ({"repeat": 5}, "`repeat` must be True or False"),
        ({"steps_per_epoch": 0}, "`steps_per_epoch`"),
        ({"workers": 0}, "`workers`"),
        ({"channels": 0}, "`channels`"),
        ({"split": "train"}, "no split 'train'"),
    ],
)
def test_bad_arguments(numbered, arguments, said):
    with pytest.raises(InputError) as error:
        from_folder(numbered, **arguments)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("arguments", [{"num_classes": 4}, {"ignore_class": 3}, {"split": "val"}, {"channels": 1}])
def test_index_cannot_be_changed(numbered, arguments):
    with pytest.raises(InputError, match="to scan_folder"):
        from_folder(scan_folder(numbered), **arguments)


def test_index_with_the_same_arguments(numbered):
    index = scan_folder(numbered, num_classes=12, ignore_class=11)
    assert order(from_folder(index, num_classes=12, ignore_class=11, batch_size=10)) == [list(range(10))]


def test_importing_the_package_does_not_import_tensorflow():
    """Keras may import TensorFlow by itself; our modules import it inside functions only."""
    for package in (keras_seg.data, keras_seg.augmentation):
        for file in pathlib.Path(package.__file__).parent.glob("*.py"):
            for statement in ast.parse(file.read_text()).body:
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    names = [getattr(statement, "module", None) or "", *(alias.name for alias in statement.names)]
                    assert not any(name.split(".")[0].startswith("tensorflow") for name in names), file
