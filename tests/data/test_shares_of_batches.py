"""Several processes read the batches of one, each its share."""

import keras
import numpy as np
import pytest

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return ks.data.scan_folder(ks.data.write_shapes(folder, train=11, val=2, image_size=(40, 48)), split="train")


def taken(dataset, count):
    """The first batches, as NumPy arrays."""
    batches = (dataset[place] for place in range(count)) if isinstance(dataset, keras.utils.PyDataset) else dataset
    return [tuple(np.asarray(part) for part in batch) for _, batch in zip(range(count), batches, strict=False)]


@pytest.mark.parametrize("loader", ["tensorflow", "numpy"])
@pytest.mark.parametrize("processes", [2, 3])
def test_shares_make_the_batches_of_one_process(index, loader, processes):
    options = {
        "batch_size": 6,
        "augment": ks.augmentation.standard(crop=32),
        "repeat": True,
        "steps_per_epoch": 3,
        "first_epoch": 2,
        "seed": 5,
        "loader": loader,
    }
    # Further than an epoch, which ends between two passes over the 11 images.
    whole = taken(ks.data.from_folder(index, **options), 7)
    shares = [
        taken(ks.data.from_folder(index, **options, process=process, processes=processes), 7)
        for process in range(processes)
    ]
    for place, (images, masks) in enumerate(whole):
        assert shares[0][place][0].shape[0] == 6 // processes
        np.testing.assert_array_equal(np.concatenate([share[place][1] for share in shares]), masks)
        np.testing.assert_allclose(np.concatenate([share[place][0] for share in shares]), images, atol=1e-3)


def test_only_the_share_is_read(index, monkeypatch):
    from keras_seg.data.pipeline.decoded_store import DecodedStore

    read = []
    get = DecodedStore.get
    monkeypatch.setattr(DecodedStore, "get", lambda self, position: read.append(int(position)) or get(self, position))
    dataset = ks.data.from_folder(
        index, batch_size=4, repeat=True, shuffle=False, steps_per_epoch=2, loader="numpy", process=1, processes=2
    )
    dataset[0]
    # The first batch is 0..3, and others are read ahead: never the first half of one.
    assert read
    assert all(place % 4 in (2, 3) for place in read if place < 8)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"process": 2, "processes": 2}, "process"),
        ({"process": -1, "processes": 2}, "process"),
        ({"processes": 0}, "processes"),
        ({"processes": 3, "batch_size": 4}, "batch_size"),
        ({"processes": 2, "repeat": False}, "processes"),
    ],
)
def test_refusals_name_the_argument(index, options, name):
    given = {"batch_size": 4, "repeat": True, **options}
    with pytest.raises(ks.InputError, match=f"^`?{name}") as caught:
        ks.data.from_folder(index, image_size=32, **given)
    assert "\n" not in str(caught.value)
