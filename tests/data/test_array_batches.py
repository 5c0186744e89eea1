"""Batches without TensorFlow, beside those of tf.data."""

import pickle

import keras
import numpy as np
import pytest
from first_batches import taken

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.data.pipeline.resize_arrays import resize_image, resize_mask


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ks.data.write_shapes(tmp_path_factory.mktemp("shapes"), train=7, val=3, image_size=(40, 52))


def both(folder, count, **options):
    """The first batches from TensorFlow and from NumPy."""
    return [
        taken(ks.data.from_folder(folder, split="train", loader=loader, **options), count)
        for loader in ("tensorflow", "numpy")
    ]


CASES = {
    "as they are": {"batch_size": 2},
    "shuffled": {"batch_size": 3, "shuffle": True, "seed": 5},
    "augmented": {"batch_size": 2, "augment": ks.augmentation.standard(crop=(32, 32), ignore_class=255)},
    "resized": {"batch_size": 7, "image_size": (23, 61)},
    "repeated": {"batch_size": 4, "shuffle": True, "repeat": True, "steps_per_epoch": 3, "first_epoch": 2},
    "from a step on": {"batch_size": 2, "shuffle": True, "repeat": True, "first_epoch": 1, "first_step": 3},
    "longer than the data": {"batch_size": 5, "shuffle": True, "steps_per_epoch": 4},
    "workers": {"batch_size": 2, "shuffle": True, "workers": 3},
    "cached": {"batch_size": 2, "shuffle": True, "cache": True},
}


@pytest.mark.parametrize("case", CASES)
def test_batches_are_those_of_tensorflow(case, folder):
    pytest.importorskip("tensorflow")
    expected, found = both(folder, 8, **CASES[case])
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        for part, other in zip(ours, theirs, strict=True):
            assert part.dtype == other.dtype and part.shape == other.shape
            # A point on the edge of two pixels may fall to either side.
            assert (np.abs(part - other.astype("float64")) > 0.05).mean() < 0.005


def test_each_epoch_is_that_of_tensorflow(folder):
    pytest.importorskip("tensorflow")
    datasets = [
        ks.data.from_folder(folder, split="train", batch_size=4, shuffle=True, seed=3, loader=loader)
        for loader in ("tensorflow", "numpy")
    ]
    epochs = [[np.concatenate([np.asarray(masks) for _, masks in dataset]) for _ in range(3)] for dataset in datasets]
    for theirs, ours in zip(*epochs, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(epochs[1][0], epochs[1][1])


@pytest.mark.parametrize(("old", "new"), [((40, 52), (23, 61)), ((9, 7), (9, 7)), ((5, 64), (31, 8)), ((3, 3), (1, 1))])
def test_sizes_are_those_of_tensorflow(old, new):
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (*old, 3)).astype("uint8"), rng.integers(0, 9, old)
    expected = tf.image.resize(image, new, antialias=True).numpy()
    np.testing.assert_allclose(resize_image(image, new), expected, atol=2e-3)
    nearest = tf.image.resize(mask[..., None], new, method="nearest")[..., 0].numpy()
    np.testing.assert_array_equal(resize_mask(mask, new), nearest)


def test_targets_are_those_of_tensorflow(folder):
    pytest.importorskip("tensorflow")
    pytest.importorskip("scipy")
    for add in (
        lambda dataset: ks.data.add_boundary_targets(dataset, width=1),
        lambda dataset: ks.data.add_boundary_weights(dataset, w0=5.0),
        lambda dataset: ks.data.add_instance_targets(dataset, border_width=1),
        lambda dataset: ks.data.add_multilabel_targets(dataset, 3),
    ):
        expected, found = (
            taken(add(ks.data.from_folder(folder, split="train", batch_size=3, loader=loader)), 3)
            for loader in ("tensorflow", "numpy")
        )
        for ours, theirs in zip(found, expected, strict=True):
            for part, other in zip(ours, theirs, strict=True):
                assert part.dtype == other.dtype
                np.testing.assert_allclose(part, other, atol=1e-5)


def test_fit_takes_them_on_every_backend(folder):
    """Repeated or not; and an interrupted training goes on with the same batches."""
    seen = []

    def note(images, masks):
        seen.append(masks)
        return images, masks

    model = keras.Sequential([keras.Input((40, 52, 3)), keras.layers.Conv2D(7, 1, activation="softmax")])
    model.compile("sgd", loss=ks.losses.Crossentropy())
    train = ks.data.from_folder(
        folder, split="train", batch_size=2, shuffle=True, repeat=True, steps_per_epoch=3, loader="numpy"
    )
    val = ks.data.from_folder(folder, split="val", batch_size=2, loader="numpy")
    history = model.fit(
        train.map(note), epochs=2, steps_per_epoch=3, validation_data=val, shuffle=False, verbose=0
    ).history
    assert len(history["val_loss"]) == 2 and np.isfinite(history["loss"]).all()
    later = ks.data.from_folder(
        folder, split="train", batch_size=2, shuffle=True, repeat=True, steps_per_epoch=3, first_epoch=1, loader="numpy"
    )
    # Batches are made ahead, side by side: `seen` is in no order.
    made = {masks.tobytes() for masks in seen}
    assert len(made) >= 6 and all(masks.tobytes() in made for _, masks in taken(later, 3))


@pytest.mark.parametrize("loader", ["tensorflow", "numpy"])
@pytest.mark.parametrize(("processes", "steps"), [(1, 5), (2, 5), (1, None)])
def test_from_each_step_on_as_uninterrupted(loader, processes, steps, folder):
    """Also with the share of one of several processes, and in epochs longer than the data."""
    pytest.importorskip(loader)
    options = {
        "split": "train", "batch_size": 2, "shuffle": True, "repeat": True, "steps_per_epoch": steps, "loader": loader,
        "processes": processes, "process": processes - 1,
    }  # fmt: skip
    whole = taken(ks.data.from_folder(folder, **options), 10)
    for epoch, step in [(0, 1), (0, 3), (1, 0), (1, 2)]:
        later = taken(ks.data.from_folder(folder, first_epoch=epoch, first_step=step, **options), 3)
        first = epoch * (steps or 4) + step
        for ours, theirs in zip(later, whole[first : first + 3], strict=True):
            for part, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"first_step": 4, "repeat": True}, "`first_step` must be less than the 4 batches"),
        ({"first_step": 1}, "`first_step` needs repeat=True"),
        ({"first_step": -1, "repeat": True}, "`first_step`"),
    ],
)
def test_a_step_that_is_not_there(wrong, message, folder):
    with pytest.raises(InputError, match=message):
        ks.data.from_folder(folder, split="train", batch_size=2, loader="numpy", **wrong)


@pytest.mark.parametrize("cache", [False, True])
def test_an_augmentation_may_write_into_its_arrays(folder, cache):
    """With a cache, images became darker from epoch to epoch."""

    def darker(image, mask, seed):
        image //= 2
        mask[:5] = 0
        return image, mask

    options = {"split": "train", "batch_size": 7, "shuffle": False, "loader": "numpy"}
    [(images, masks)] = taken(ks.data.from_folder(folder, **options))
    masks[:, :5] = 0
    dataset = ks.data.from_folder(folder, augment=darker, cache=cache, **options)
    for _ in range(2):
        [found] = taken(dataset)
        np.testing.assert_array_equal(found[0], images // 2)
        np.testing.assert_array_equal(found[1], masks)


def test_a_file_that_breaks_is_named(folder, tmp_path):
    path = ks.data.write_shapes(tmp_path / "s", train=2, val=2, image_size=(40, 52))
    dataset = ks.data.from_folder(path, split="train", batch_size=2, loader="numpy")
    image = next((path / "train" / "images").iterdir())
    image.write_bytes(b"broken")
    with pytest.raises(InputError, match=image.name):
        next(iter(dataset))


def test_bad_loader(folder):
    with pytest.raises(InputError, match="`loader`"):
        ks.data.from_folder(folder, split="train", loader="grain")


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiled by JAX only where it is the backend")
@pytest.mark.parametrize("resized", [None, (64, 72)])
def test_whole_batches_are_those_of_single_examples(folder, resized, monkeypatch):
    from keras_seg.augmentation.augmentation import Augmentation

    options = {
        "split": "train", "loader": "numpy", "batch_size": 3, "image_size": resized, "seed": 3,
        "augment": ks.augmentation.standard(crop=(64, 72), ignore_class=255),
    }  # fmt: skip
    whole = []
    compiled = Augmentation.of_array_batch
    monkeypatch.setattr(
        Augmentation, "of_array_batch", lambda self, *given: whole.append(len(given[0])) or compiled(self, *given)
    )
    found = taken(ks.data.from_folder(folder, **options), 3)
    assert whole == [3, 3]  # The last of the 7 examples is alone.
    # Once it has compiled something, it is still sent to other processes.
    sent = pickle.loads(pickle.dumps(options["augment"]))
    image, mask = np.zeros((70, 80, 3), "uint8"), np.zeros((70, 80), "int32")
    for ours, theirs in zip(sent.of_arrays(image, mask, 3), options["augment"].of_arrays(image, mask, 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    monkeypatch.setattr(Augmentation, "gains_by_array_batches", lambda *_: False)
    expected = taken(ks.data.from_folder(folder, **options), 3)
    for ours, theirs in zip(found, expected, strict=True):
        for part, other in zip(ours, theirs, strict=True):
            assert part.dtype == other.dtype and part.shape == other.shape
            assert (np.abs(part - other.astype("float64")) > 0.05).mean() < 0.001
