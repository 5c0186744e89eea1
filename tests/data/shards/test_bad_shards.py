"""Shards that cannot be used: each is refused in one line that names it."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from first_batches import taken
from refusals import refused
from shard_cases import picture, samples, write_tar

import keras_seg as ks
from keras_seg import InputError
from keras_seg.data.pipeline.unwrap_error import unwrap_error

IMAGE, MASK = picture(np.zeros((3, 4, 3), "uint8")), picture(np.zeros((3, 4), "uint8"))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    data = ks.data.write_shapes(folder / "data", train=6, val=2, image_size=(40, 52))
    ks.data.write_shards(data, folder / "packed", shard_samples=3, progress=False)
    return folder


@pytest.fixture
def packed(original, tmp_path):
    return shutil.copytree(original / "packed", tmp_path / "packed")


def open_(path, **options):
    return ks.data.from_shards(path, loader="numpy", **options)


def read(path, **options):
    return taken(open_(path, batch_size=1, **options))


def forget_sizes(folder):
    """As dataset.json of shards at an address, whose sizes are not asked for."""
    file = folder / "dataset.json"
    content = json.loads(file.read_text())
    for split in content["splits"].values():
        for shard in split["shards"]:
            shard["bytes"] = None
    file.write_text(json.dumps(content))


def bare(tmp_path, files, **options):
    """The error of reading an archive made by hand."""
    return refused(read, write_tar(tmp_path / "a.tar", files), num_classes=3, **options)


@pytest.mark.parametrize("cut", [0, 100, 512, 700, 1024, 5000, -10240, -9000, -1024, -2000])
def test_a_shard_that_was_cut(packed, cut):
    """At any place: in a header, between members, in a file, before the zeros at the end."""
    shard = packed / "train-000001.tar"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:cut])
    assert "train-000001.tar: has" in refused(open_, packed)
    forget_sizes(packed)
    # The archive ends with a block of zeros; those behind it are padding.
    end = 512 * (-(-len(whole.rstrip(b"\0")) // 512) + 1)
    if len(whole[:cut]) >= end:
        assert len(read(packed)) == 6
        return
    text = refused(read, packed)
    assert "train-000001.tar" in text
    assert "cannot be read as a tar archive" in text or "of the 3 samples" in text


def test_a_damaged_header_is_no_end(packed):
    shard = packed / "train-000000.tar"
    content = bytearray(shard.read_bytes())
    size = int(content[124:135], 8)
    place = 512 * (1 + -(-size // 512))  # The header of the second member.
    content[place + 148] ^= 1
    shard.write_bytes(content)
    assert "damaged in the middle" in refused(read, packed)


def test_another_content_is_found_by_its_hash(packed):
    shard = packed / "train-000001.tar"
    content = bytearray(shard.read_bytes())
    content[600] ^= 1
    shard.write_bytes(content)
    open_(packed)
    text = refused(open_, packed, check_shards=True)
    assert "train-000001.tar: has other bytes than were packed" in text
    open_(packed, split="val", check_shards=True)


def test_no_samples(packed, tmp_path):
    assert "holds no samples" in bare(tmp_path, [])
    assert "holds no samples" in bare(tmp_path, [("__meta__", b"x"), ("folder/", b"")])
    file = packed / "dataset.json"
    content = json.loads(file.read_text())
    content["splits"]["train"]["shards"][1]["samples"] = 0
    file.write_text(json.dumps(content))
    assert "train-000001.tar: holds no samples" in refused(open_, packed)


@pytest.mark.parametrize("count, text", [(2, "holds more of the 2"), (4, "holds 3 of the 4")])
def test_another_number_of_samples(packed, count, text):
    file = packed / "dataset.json"
    content = json.loads(file.read_text())
    content["splits"]["train"]["shards"][0]["samples"] = count
    file.write_text(json.dumps(content))
    assert text in refused(read, packed)


def test_missing_and_doubled_parts(tmp_path):
    good = samples(2)
    assert "sample 'x' has no mask" in bare(tmp_path, [*good, ("x.png", IMAGE)])
    assert "sample 'x' has no image" in bare(tmp_path, [*good, ("x.seg.png", MASK), *samples(1)])
    assert "sample 'x' has no image" in bare(tmp_path, [("x.json", b"{}")])
    assert "has 2 masks (seg.png, mask.png)" in bare(
        tmp_path, [("x.png", IMAGE), ("x.seg.png", MASK), ("x.mask.png", MASK)]
    )
    assert "has 2 images" in bare(tmp_path, [("x.jpg", IMAGE), ("x.tif", IMAGE), ("x.seg.png", MASK)])
    assert "has two files 'png'" in bare(tmp_path, [("x.png", IMAGE), ("x.PNG", IMAGE)])
    # A key that comes again later is another sample, as for webdataset.
    assert "sample 's0' has no mask" in bare(tmp_path, [good[0], good[2], good[3], good[1]])


def test_a_mask_that_is_missing_is_found_while_reading(packed):
    """The index says what there is; an archive that was changed since is refused when it is read."""
    shard = packed / "train-000000.tar"
    write_tar(shard, [*samples(2), ("x.png", IMAGE)])
    forget_sizes(packed)
    assert "sample 'x' has no mask" in refused(ks.data.shards.open_shards._count, str(shard))
    assert "train-000000.tar" in refused(read, packed)


def test_files_that_cannot_be_decoded(tmp_path):
    assert "a.tar/x.png: the image cannot be read" in bare(tmp_path, [("x.png", b"no image"), ("x.seg.png", MASK)])
    assert "a.tar/x.seg.png: the mask cannot be read" in bare(tmp_path, [("x.png", IMAGE), ("x.seg.png", MASK[:30])])
    assert "x.png: the image cannot be read (not an image: the file is empty)" in bare(
        tmp_path, [("x.png", b""), ("x.seg.png", MASK)]
    )
    assert "pointer of Git LFS" in bare(
        tmp_path, [("x.png", b"version https://git-lfs.github.com"), ("x.seg.png", MASK)]
    )
    assert "x.npy: cannot be read as an array" in bare(tmp_path, [("x.npy", b"\x93NUMPY"), ("x.seg.png", MASK)])
    other = picture(np.zeros((3, 5), "uint8"))
    assert "has 3x5 pixels" in bare(tmp_path, [("x.png", IMAGE), ("x.seg.png", other)])
    wrong = picture(np.full((3, 4), 7, "uint8"))
    assert "a.tar/x.seg.png: holds label 7" in bare(tmp_path, [("x.png", IMAGE), ("x.seg.png", wrong)])


def test_not_an_archive(tmp_path):
    for content in (b"", b"<html>404</html>" * 100, bytes(5)):
        (tmp_path / "a.tar").write_bytes(content)
        assert "a.tar: cannot be read as a tar archive" in refused(read, tmp_path / "a.tar", num_classes=2)


def test_shards_of_other_classes(packed, tmp_path):
    data = ks.data.write_cells(tmp_path / "cells", train=2, val=1, image_size=48)
    for mask in data.rglob("masks/*.png"):
        pathlib.Path(mask).write_bytes(picture(np.minimum(ks.data.read_mask(mask), 1).astype("uint8")))
    other = ks.data.write_shards(data, tmp_path / "other", progress=False)
    text = refused(open_, [packed, other])
    assert "has other classes than" in text and "('class_0', 'class_1')" in text
    (tmp_path / "b").mkdir()
    shutil.copy(packed / "train-000000.tar", tmp_path / "b" / "x.tar")
    assert "no dataset.json beside it" in refused(open_, [packed, tmp_path / "b" / "x.tar"])


def test_processes(packed):
    assert "has 2 shards, fewer than 3 processes" in refused(open_, packed, processes=3, batch_size=6)
    assert "`process` must be less than processes=2" in refused(open_, packed, process=2, processes=2)
    assert "`batch_size` must be at most 6" in refused(open_, packed, processes=2, batch_size=8)
    assert "`batch_size` must be a multiple of processes=2" in refused(open_, packed, processes=2, batch_size=3)
    assert "`processes`" in refused(open_, packed, processes=0)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"split": "test"}, "there is no split 'test'. It has: train, val."),
        ({"num_classes": 3}, "`num_classes` cannot change a ShardIndex"),
        ({"label_map": {1: 0}}, "`label_map` cannot change a ShardIndex"),
        ({"channels": 1}, "`channels` cannot change a ShardIndex"),
        ({"shuffle_buffer": 5}, "has no effect without shuffling"),
        ({"shuffle_buffer": 0, "shuffle": True}, "`shuffle_buffer` must be"),
        ({"first_step": 6, "repeat": True, "batch_size": 1}, "`first_step` must be less than the 6 batches"),
        ({"first_epoch": 1}, "`first_epoch` needs repeat=True"),
        ({"repeat": 5}, "`repeat` must be True or False"),
        ({"batch_size": 0, "shuffle": True}, "`batch_size`"),
        ({"loader": "grain"}, "`loader`"),
        ({"check_shards": 1}, "`check_shards`"),
        ({"shuffle": 1}, "`shuffle`"),
        ({"first_step": 1}, "`first_step` needs repeat=True"),
    ],
)
def test_bad_arguments(packed, options, text):
    options = {"loader": "numpy", **options}
    assert text in refused(ks.data.from_shards, packed, **options)


def test_the_arguments_that_the_index_confirms_are_fine(packed):
    index = ks.data.from_shards(packed, num_classes=7, channels=3, loader="numpy")
    assert index.num_batches == 1


def test_missing_places(packed, tmp_path):
    assert "there is no such folder" in refused(open_, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "there is no dataset.json in it" in refused(open_, tmp_path / "empty")
    (tmp_path / "file.txt").write_text("")
    assert "is no folder and no .tar archive" in refused(open_, tmp_path / "file.txt")
    assert "there is no such file" in refused(open_, tmp_path / "a.tar", num_classes=2)
    assert "Pass num_classes" in refused(open_, write_tar(tmp_path / "a.tar", samples(1)))
    assert "`path` must name at least one shard" in refused(open_, [])
    assert "`path` must be a folder of shards" in refused(open_, 5)
    assert "`path` must be a folder of shards" in refused(open_, [5])
    assert "must not name a shard twice" in refused(open_, [packed, packed])
    assert "applies to folders" in refused(open_, packed / "train-000000.tar", split="train")
    (packed / "train-000001.tar").rename(packed / "more.tar")
    assert "train-000001.tar: there is no such file" in refused(open_, packed)
    assert "does not list it" in refused(open_, packed / "more.tar")


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda content: "{", "is not JSON"),
        (lambda content: "[]", "does not describe shards"),
        (lambda content: json.dumps({**content, "format": "other"}), "does not describe shards"),
        (lambda content: json.dumps({**content, "version": 9}), "has version 9"),
        (lambda content: json.dumps({**content, "num_classes": "many"}), "is damaged"),
        (lambda content: json.dumps({k: v for k, v in content.items() if k != "channels"}), "channels is missing"),
        (lambda content: json.dumps({**content, "splits": [1]}), "is damaged"),
    ],
)
def test_a_damaged_description(packed, change, text):
    file = packed / "dataset.json"
    file.write_text(change(json.loads(file.read_text())))
    found = refused(open_, packed)
    assert "dataset.json" in found and text in found


def test_sizes(packed, tmp_path):
    shard = write_tar(tmp_path / "a.tar", samples(2))
    assert "cannot be batched by 2" in refused(open_, shard, num_classes=3, batch_size=2)
    assert len(taken(open_(shard, num_classes=3, batch_size=2, image_size=8))) == 1
    file = packed / "dataset.json"
    content = json.loads(file.read_text())
    content["splits"]["train"]["image_size"] = [40, 53]
    file.write_text(json.dumps(content))
    assert "all images should have 40x53" in refused(read, packed)


@pytest.mark.tensorflow_only
def test_errors_of_the_other_loader_hold_the_line(packed):
    pytest.importorskip("tensorflow")
    shard = packed / "train-000001.tar"
    shard.write_bytes(shard.read_bytes()[:700])
    forget_sizes(packed)
    with pytest.raises(Exception) as error:
        taken(ks.data.from_shards(packed, loader="tensorflow"))
    line = unwrap_error(error.value)
    assert isinstance(line, InputError) and "train-000001.tar" in str(line)


def test_an_error_comes_again_and_ends(packed):
    """A dataset that failed once is no endless wait."""
    shard = packed / "train-000001.tar"
    whole = shard.read_bytes()
    forget_sizes(packed)
    shard.write_bytes(whole[:700])
    dataset = open_(packed, batch_size=1)
    for _ in range(2):
        with pytest.raises(InputError, match="train-000001"):
            taken(dataset)
    shard.write_bytes(whole)
    assert len(taken(dataset)) == 6


def test_fsspec_is_named_where_it_is_missing(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ImportError, match=r'Opening s3://b/p/dataset.json needs fsspec: pip install "keras-seg\[scale'):
        ks.data.from_shards("s3://b/p", loader="numpy")


def test_an_address_that_cannot_be_opened():
    pytest.importorskip("fsspec")
    assert "there is no dataset.json in it" in refused(open_, "memory://no/such/place")
    assert "nosuch://x/dataset.json: cannot be used (ValueError: Protocol not known: nosuch)" in refused(
        open_, "nosuch://x"
    )
