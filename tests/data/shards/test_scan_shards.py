"""A folder of shards in place of the folder that was packed: the same index, examples and lines."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from first_batches import taken
from shard_cases import content_of, examples, picture, write_tar

import keras_seg as ks
from keras_seg._decoding.archive_member import archive_member
from keras_seg._decoding.held_file import byte_count, file_stamp, opened
from keras_seg._validation import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ks.data.write_shapes(tmp_path_factory.mktemp("shapes"), train=7, val=3, image_size=(40, 52))


@pytest.fixture(scope="module")
def packed(folder, tmp_path_factory):
    index = ks.data.write_shards(folder, tmp_path_factory.mktemp("p") / "packed", shard_samples=3, progress=False)
    return pathlib.Path(index.path)


def by_name(index):
    return {pair.image.name: place for place, pair in enumerate(index.pairs)}


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_index_is_that_of_the_folder(folder, packed, split):
    ours, theirs = (ks.data.scan_folder(path, split=split) for path in (packed, folder))
    assert len(ours) == len(theirs) and by_name(ours).keys() == by_name(theirs).keys()
    for name in ("num_classes", "class_names", "ignore_class", "channels", "image_dtype", "image_range", "common_size"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.encoding.label_map == theirs.encoding.label_map
    for name, place in by_name(theirs).items():
        own = by_name(ours)[name]
        np.testing.assert_array_equal(ours.read_labels(own), theirs.read_labels(place))
        np.testing.assert_array_equal(ours.pixel_counts[own], theirs.pixel_counts[place])
        assert ours.image_hashes[own] == theirs.image_hashes[place]
    assert ks.data.find_splits(packed) == ("train", "val")


def test_paths_go_through_the_archives(packed):
    shards = sorted(packed.glob("train-*.tar"))
    names = [f"{shard}/{name}" for shard in shards for name in content_of(shard)]
    pairs = ks.data.find_pairs(packed, split="train")
    assert [str(file) for pair in pairs for file in pair] == names
    for name, content in content_of(shards[1]).items():
        path = shards[1] / name
        assert opened(path).read() == content and byte_count(path) == len(content)
    image = ks.data.read_image(pairs[0].image)
    assert image.shape == (40, 52, 3) and ks.data.image_size(pairs[0].image) == (40, 52)


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "seed": 4}, {"cache": "memory"}, {"cache": "disk"}], ids=str)
def test_batches(folder, packed, tmp_path, options):
    if options.get("cache") == "disk":
        options = {"cache": tmp_path / "cache"}
    ours, theirs = (
        examples(taken(ks.data.from_folder(path, split="train", batch_size=1, loader="numpy", **options)))
        for path in (packed, folder)
    )
    assert sorted(ours) == sorted(theirs)
    if "cache" in options:
        again = ks.data.from_folder(packed, split="train", batch_size=1, loader="numpy", **options)
        assert examples(taken(again)) == ours


def test_values_that_were_packed_otherwise(tmp_path):
    """Ignored labels beyond 65535 have another value in the shards; arrays have four channels."""
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    for name in "ab":
        np.save(tmp_path / "data" / "images" / f"{name}.npy", rng.integers(0, 256, (12, 16, 4)).astype("uint8"))
        mask = rng.integers(0, 3, (12, 16)).astype("int64")
        mask[0] = -1
        np.save(tmp_path / "data" / "masks" / f"{name}.npy", mask)
    given = {"num_classes": 3, "ignore_class": -1, "channels": 4}
    folder = ks.data.scan_folder(tmp_path / "data", **given)
    ks.data.write_shards(folder, tmp_path / "packed", progress=False)
    found = ks.data.scan_folder(tmp_path / "packed", split="train")
    assert (found.channels, found.ignore_class, found.num_classes) == (4, (-1,), 3)
    for name, place in by_name(folder).items():
        np.testing.assert_array_equal(found.read_labels(by_name(found)[name]), folder.read_labels(place))
    np.testing.assert_array_equal(found.ignored_counts, [16, 16])


def test_a_split_may_be_the_only_one(folder, tmp_path):
    ks.data.write_shards(folder, tmp_path / "one", split="val", progress=False)
    assert len(ks.data.scan_folder(tmp_path / "one", split="val")) == 3
    assert len(ks.data.scan_folder(tmp_path / "one")) == 3


def test_shards_are_packed_again(folder, packed, tmp_path):
    """In one shard: the samples of all. What is packed from shards equals what is packed from files, but for order."""
    again = ks.data.write_shards(packed, tmp_path / "again", progress=False)
    assert [len(again.splits[split]) for split in ("train", "val")] == [1, 1]
    ours = content_of(again.splits["train"][0].path)
    theirs = {k: v for shard in sorted(packed.glob("train-*.tar")) for k, v in content_of(shard).items()}
    assert ours == theirs


def refused(call, *arguments, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_cannot_be_scanned(packed, tmp_path):
    scan = ks.data.scan_folder
    assert "divided into train, val. Pass split='train'." in refused(scan, packed)
    assert "there is no split 'test'. It has: train, val." in refused(scan, packed, split="test")
    own = shutil.copytree(packed, tmp_path / "own")
    (own / "train-000001.tar").unlink()
    assert "train-000001.tar: there is no such file" in refused(scan, own, split="train")
    cut = shutil.copytree(packed, tmp_path / "cut")
    whole = (cut / "train-000000.tar").read_bytes()
    (cut / "train-000000.tar").write_bytes(whole[:-600])
    assert "train-000000.tar: has" in refused(scan, cut, split="train")
    (cut / "train-000000.tar").write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    assert "train-000000.tar" in refused(scan, cut, split="train")
    content = {**json.loads((packed / "dataset.json").read_text()), "splits": {}}
    (cut / "dataset.json").write_text(json.dumps(content))
    assert "dataset.json: is damaged (it lists no shards)" in refused(scan, cut)
    (cut / "dataset.json").write_text('{"format": "keras_seg shards", "splits"')
    assert "dataset.json: is not JSON" in refused(scan, cut, split="train")


def test_a_broken_picture_is_named_by_its_path(tmp_path):
    files = [("a.png", picture(np.zeros((12, 16, 3), "uint8"))), ("a.seg.png", picture(np.ones((12, 16), "uint8")))]
    for place, (name, broken) in enumerate((("a.png", b"no picture"), ("a.seg.png", b""))):
        held = [(n, broken if n == name else content) for n, content in files]
        shard = write_tar(tmp_path / f"s{place}.tar", held)
        path = shard / name
        with pytest.raises(InputError, match=f"s{place}.tar/{name}: the image cannot be read"):
            ks.data.read_image(path)


def test_paths_that_lead_nowhere(tmp_path):
    shard = write_tar(tmp_path / "s.tar", [("./deep/a.png", b"1234")])
    assert archive_member(shard / "deep" / "a.png").read() == b"1234"
    assert archive_member(shard / "b.png") is None and archive_member(tmp_path / "none.tar" / "a.png") is None
    assert archive_member(tmp_path / "a.png") is None and archive_member(shard) is None
    with pytest.raises(OSError):
        opened(shard / "b.png")
    assert "s.tar/b.png" in refused(ks.data.read_image, shard / "b.png")
    (tmp_path / "text.tar").write_text("no archive at all" * 100)
    assert "text.tar/a.png: the image cannot be read (text.tar is no tar archive" in refused(
        ks.data.read_image, tmp_path / "text.tar" / "a.png"
    )
    assert "text.tar/a.npy: cannot be read (text.tar is no tar archive" in refused(
        ks.data.read_image, tmp_path / "text.tar" / "a.npy"
    )
    # A folder may be called so too.
    (tmp_path / "folder.tar").mkdir()
    (tmp_path / "folder.tar" / "a.png").write_bytes(b"56")
    with opened(tmp_path / "folder.tar" / "a.png") as stream:
        assert stream.read() == b"56"


def test_an_archive_that_changes_is_read_again(tmp_path):
    shard = write_tar(tmp_path / "s.tar", [("a.png", b"1234")])
    before = file_stamp(shard / "a.png")
    assert opened(shard / "a.png").read() == b"1234"
    write_tar(shard, [("b.png", bytes(5000)), ("a.png", b"98765")])
    assert opened(shard / "a.png").read() == b"98765" and file_stamp(shard / "a.png") != before
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(OSError):
        opened(shard / "a.png")
