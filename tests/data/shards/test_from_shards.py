"""Batches from shards: those of the folder that was packed, and an order that can be resumed."""

import os
import shutil
import threading

import keras
import numpy as np
import pytest
from first_batches import taken
from shard_cases import content_of, examples, picture, samples, write_tar

import keras_seg as ks
from keras_seg.data.shards.sample import read_samples

LOADERS = ["numpy", pytest.param("tensorflow", marks=pytest.mark.tensorflow_only)]
AUGMENT = ks.augmentation.standard(crop=(32, 32), ignore_class=255)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ks.data.write_shapes(tmp_path_factory.mktemp("shapes"), train=23, val=5, image_size=(40, 52))


@pytest.fixture(scope="module")
def packed(folder, tmp_path_factory):
    """Shards of 4, 4, 4, 4, 4 and 3 samples."""
    return ks.data.write_shards(folder, tmp_path_factory.mktemp("p") / "packed", shard_samples=4, progress=False)


@pytest.fixture
def own(packed, tmp_path):
    """The same shards in a folder that no other test reads, not even by a thread that it left behind."""
    return ks.data.ShardIndex._read(shutil.copytree(packed.path, tmp_path / "own"))


@pytest.fixture(autouse=True)
def needs_tensorflow(request):
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("loader") == "tensorflow":
        pytest.importorskip("tensorflow")


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("split", ["train", "val"])
def test_the_examples_are_those_of_the_folder(folder, packed, split, loader):
    ours = examples(taken(ks.data.from_shards(packed, split=split, batch_size=4, loader=loader)))
    theirs = examples(taken(ks.data.from_folder(folder, split=split, batch_size=4, loader=loader)))
    assert sorted(ours) == sorted(theirs)
    assert ours != theirs  # They were shuffled when they were packed.


def test_without_shuffling_the_order_is_that_of_the_archives(packed):
    found = taken(ks.data.from_shards(packed, batch_size=1, loader="numpy"))
    stored = [content for shard in packed.splits["train"] for content in masks_of(shard.path)]
    assert len(found) == 23
    for (_, mask), content in zip(found, stored, strict=True):
        np.testing.assert_array_equal(mask[0], ks.data.read_mask(content))


def masks_of(shard):
    from keras_seg._decoding.held_file import HeldFile

    return [HeldFile(name=n, content=c) for n, c in content_of(shard).items() if n.endswith(".seg.png")]


CASES = {
    "as they are": {"batch_size": 4},
    "shuffled": {"batch_size": 3, "shuffle": True, "seed": 5, "shuffle_buffer": 7},
    "a buffer larger than the data": {"batch_size": 3, "shuffle": True, "seed": 5},
    "a buffer of one": {"batch_size": 3, "shuffle": True, "shuffle_buffer": 1},
    "augmented": {"batch_size": 4, "augment": AUGMENT, "shuffle_buffer": 6},
    "resized": {"batch_size": 7, "image_size": (23, 61)},
    "repeated": {"batch_size": 4, "shuffle": True, "repeat": True, "steps_per_epoch": 3, "first_epoch": 2},
    "later": {"batch_size": 4, "shuffle": True, "repeat": True, "first_epoch": 1, "first_step": 4},
    "longer than the data": {"batch_size": 5, "shuffle": True, "steps_per_epoch": 12, "shuffle_buffer": 5},
    "one of two": {"batch_size": 6, "augment": AUGMENT, "process": 1, "processes": 2},
    "workers": {"batch_size": 2, "shuffle": True, "workers": 3},
}


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("case", CASES)
def test_both_loaders_give_the_same_batches(packed, case):
    pytest.importorskip("tensorflow")
    theirs, ours = (
        taken(ks.data.from_shards(packed, loader=loader, **CASES[case]), 14) for loader in ("tensorflow", "numpy")
    )
    assert len(ours) == len(theirs) > 0
    for batch, other in zip(ours, theirs, strict=True):
        for part, expected in zip(batch, other, strict=True):
            assert part.dtype == expected.dtype and part.shape == expected.shape
            # A point on the edge of two pixels may fall to either side.
            assert (np.abs(part - expected.astype("float64")) > 0.05).mean() < 0.005


@pytest.mark.parametrize("loader", LOADERS)
def test_the_order_is_a_function_of_seed_and_epoch(packed, loader):
    def epochs(seed):
        dataset = ks.data.from_shards(packed, batch_size=4, shuffle=True, seed=seed, shuffle_buffer=6, loader=loader)
        return [examples(taken(dataset)) for _ in range(2)]

    first, again, other = epochs(3), epochs(3), epochs(4)
    assert first == again
    orders = [*first, *other]
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert all(orders[i] != orders[j] for i in range(4) for j in range(i))


@pytest.mark.parametrize("buffer", [None, 5, 1])
@pytest.mark.parametrize("loader", LOADERS)
def test_a_run_resumes_at_any_step(packed, loader, buffer):
    options = {
        "batch_size": 3, "augment": AUGMENT, "seed": 7, "repeat": True, "steps_per_epoch": 10,
        "shuffle_buffer": buffer, "loader": loader,
    }  # fmt: skip
    whole = examples(taken(ks.data.from_shards(packed, **options), 24))
    for epoch, step in [(0, 1), (0, 7), (0, 9), (1, 0), (1, 8)]:  # Batch 8 begins in the second pass over the data.
        later = ks.data.from_shards(packed, **options, first_epoch=epoch, first_step=step)
        place = 3 * (10 * epoch + step)
        assert examples(taken(later, 4)) == whole[place : place + 12]


def test_what_was_seen_already_is_not_decoded_nor_opened(own, monkeypatch):
    """Without shuffling: from example 17 on, shards 0 to 3 are not needed."""
    from keras_seg.data.pipeline import shard_stream

    opened, read = [], []
    real, real_read = shard_stream.opened_file, ks.data.shards.tar_members._content

    def opening(path):
        if own.path in path:
            opened.append(os.path.basename(path))
        return real(path)

    def reading(archive, member, shard):
        if own.path in shard:
            read.append(member.name)
        return real_read(archive, member, shard)

    monkeypatch.setattr(shard_stream, "opened_file", opening)
    monkeypatch.setattr(ks.data.shards.tar_members, "_content", reading)
    dataset = ks.data.from_shards(own, batch_size=1, repeat=True, first_step=17, steps_per_epoch=23, loader="numpy")
    next(iter(dataset))
    assert opened[0] == "train-000004.tar"
    stored = list(content_of(own.splits["train"][4].path))
    assert read[:2] == stored[2:4]  # The sample before it, 16, was passed over.


def test_processes_share_the_shards(packed):
    whole = examples(taken(ks.data.from_shards(packed, batch_size=1, loader="numpy")))
    parts = [
        examples(
            taken(
                ks.data.from_shards(packed, batch_size=2, process=one, processes=2, steps_per_epoch=s, loader="numpy")
            )
        )
        for one, s in ((0, 12), (1, 11))
    ]
    assert not set(parts[0]) & set(parts[1])
    assert set(parts[0]) | set(parts[1]) == set(whole)
    assert parts[0] == whole[:4] + whole[8:12] + whole[16:20]


def test_processes_have_as_many_batches_as_each_other(packed):
    datasets = [
        ks.data.from_shards(packed, batch_size=6, shuffle=True, process=one, processes=2, loader="numpy")
        for one in range(2)
    ]
    assert [len(taken(dataset)) for dataset in datasets] == [3, 3]  # 12 and 11 samples.
    seeds = [dataset._order.seed for dataset in datasets]
    assert seeds[0] != seeds[1]


def test_keras_looks_at_the_first_batches_without_a_second_start(packed, monkeypatch):
    dataset = ks.data.from_shards(packed, batch_size=2, shuffle=True, shuffle_buffer=4, loader="numpy")
    starts, real = [], dataset._stream.samples
    monkeypatch.setattr(dataset._stream, "samples", lambda *place: starts.append(place) or real(*place))
    first = [dataset[0], dataset[1]]
    again = taken(dataset)
    assert starts == [(0, 0)]
    assert examples(again)[:4] == examples(first) and len(again) == 12


def test_no_more_samples_are_held_than_the_buffer_has(own, monkeypatch):
    from keras_seg.data.pipeline import shard_stream

    dataset = ks.data.from_shards(own, batch_size=1, shuffle=True, shuffle_buffer=5, loader="numpy")
    read, given = [0], 0
    real = shard_stream.read_samples

    def counting(stream, shard, wanted):
        for number, sample in real(stream, shard, wanted):
            read[0] += sample is not None and own.path in shard
            yield number, sample

    monkeypatch.setattr(shard_stream, "read_samples", counting)
    for _ in dataset._stream.samples(0):
        given += 1
        assert read[0] - given < 5
    assert given == read[0] == 23


def test_an_order_is_a_shuffle():
    """Where an example comes to, over many seeds: anywhere with a full buffer, never early with a small one."""
    from keras_seg.data.shards.shuffle_buffer import ShuffleBuffer

    def order(seed, size):
        buffer = ShuffleBuffer((seed, 1), count=20, size=size)
        return [buffer.draw() for _ in range(20)]

    full = np.array([order(seed, 20) for seed in range(2000)])
    assert (np.sort(full, axis=1) == np.arange(20)).all()
    counts = np.stack([(full == value).sum(0) for value in range(20)])
    # Each of 400 counts is binomial, 100 +- 9.7; five standard deviations are passed once in 1.7 million.
    assert np.abs(counts - 100).max() < 49
    small = np.array([order(seed, 4) for seed in range(200)])
    assert (small <= np.arange(20) + 3).all()
    assert order(0, 1) == list(range(20))


def test_a_pipe_is_read(tmp_path):
    """Nothing but reading forward is asked of a stream."""
    archive = write_tar(tmp_path / "a.tar", samples(3))
    out, into = os.pipe()
    writer = threading.Thread(target=lambda: [os.write(into, archive.read_bytes()), os.close(into)])
    writer.start()
    with open(out, "rb", buffering=0) as stream:
        found = list(read_samples(stream, "pipe", lambda number: number != 1))
    writer.join()
    assert [(number, sample is None) for number, sample in found] == [(0, False), (1, True), (2, False)]
    assert found[2][1].mask.content == dict(samples(3))["s2.seg.png"]


def test_shards_at_an_address(packed):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    for file in ("dataset.json", *(shard.path for shards in packed.splits.values() for shard in shards)):
        source = os.path.join(packed.path, file)
        with files.open(f"/bucket/packed/{os.path.basename(source)}", "wb") as stream, open(source, "rb") as local:
            stream.write(local.read())
    expected = examples(taken(ks.data.from_shards(packed, batch_size=4, loader="numpy")))
    for path in ("memory://bucket/packed", [f"memory://bucket/packed/train-00000{n}.tar" for n in range(6)]):
        found = ks.data.from_shards(path, batch_size=4, loader="numpy", check_shards=True)
        assert examples(taken(found)) == expected


def test_several_folders_are_one_data_set(packed, folder, tmp_path):
    other = ks.data.write_shards(folder, tmp_path / "other", split="val", progress=False)
    both = ks.data.from_shards([packed, f"{other.path}/val-000000.tar"], batch_size=1, loader="numpy")
    parts = [
        examples(taken(ks.data.from_shards(index, split=split, batch_size=1, loader="numpy")))
        for index, split in ((packed, "train"), (other, "val"))
    ]
    assert examples(taken(both)) == parts[0] + parts[1]


@pytest.mark.parametrize(
    "image, mask",
    [
        ("a.jpg", "a.png"),
        ("a.jpeg", "a.mask.png"),
        ("a.rgb.png", "a.seg.png"),
        ("a.JPG", "a.label.PNG"),
        ("x/a.png", "x/a.gt.tif"),
    ],
)
def test_other_names_of_webdataset(tmp_path, image, mask):
    ids = np.arange(12, dtype="uint8").reshape(3, 4) % 3
    kind = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "tif": "TIFF"}
    files = [
        (name, picture(array, kind[name.rpartition(".")[2].lower()]))
        for name, array in ((image, np.full((3, 4, 3), 90, "uint8")), (mask, ids))
    ]
    extra = [("a.json" if "/" not in image else "x/a.json", b"{}"), ("__meta__", b"of the archive")]
    shard = write_tar(tmp_path / "a.tar", [*extra[1:], *files, extra[0]])
    [(images, masks)] = taken(ks.data.from_shards(shard, num_classes=3, batch_size=1, loader="numpy"))
    assert images.shape == (1, 3, 4, 3) and np.abs(images - 90).max() <= 1
    np.testing.assert_array_equal(masks[0], ids)


def test_labels_of_other_archives_are_mapped(tmp_path):
    ids = np.array([[0, 5, 9, 255]], "uint8")
    shard = write_tar(
        tmp_path / "a.tar", [("a.png", picture(np.zeros((1, 4, 3), "uint8"))), ("a.seg.png", picture(ids))]
    )
    options = {"num_classes": 3, "label_map": {0: 0, 5: 1, 9: 2}, "ignore_class": 255, "loader": "numpy"}
    [(_, masks)] = taken(ks.data.from_shards([shard], batch_size=1, **options))
    np.testing.assert_array_equal(masks[0], [[0, 1, 2, 255]])


def test_fit_takes_them(packed):
    model = keras.Sequential([keras.Input((40, 52, 3)), keras.layers.Conv2D(7, 1, activation="softmax")])
    model.compile("sgd", loss=ks.losses.Crossentropy())
    train = ks.data.from_shards(packed, batch_size=4, shuffle=True, repeat=True, steps_per_epoch=3, loader="numpy")
    val = ks.data.from_shards(packed, split="val", batch_size=2, loader="numpy")
    seen = []
    train = train.map(lambda images, masks: seen.append(1) or (images, masks))
    fitted = model.fit(train, epochs=2, steps_per_epoch=3, validation_data=val, shuffle=False, verbose=0)
    assert np.isfinite(fitted.history["val_loss"]).all() and len(seen) >= 6
    assert np.isfinite(model.evaluate(val, verbose=0))
