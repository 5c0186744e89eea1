"""Packing: what is in the archives, where it is refused, and what an interruption leaves."""

import hashlib
import json
import pathlib
import shutil

import numpy as np
import pytest
from first_batches import taken
from PIL import Image
from refusals import refused
from shard_cases import content_of, examples, picture

import keras_seg as ks
from keras_seg.data.shards import write_shards as module
from keras_seg.data.shards.packed_sample import sample_keys

pytestmark = pytest.mark.tensorflow_only  # It computes nothing with the backend.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ks.data.write_shapes(tmp_path_factory.mktemp("shapes"), train=9, val=3, image_size=(40, 52))


def pack(folder, out, **options):
    return ks.data.write_shards(folder, out, progress=False, **options)


def files_of(folder):
    return {file.name: file.read_bytes() for file in pathlib.Path(folder).iterdir()}


def made(tmp_path, files):
    """A data folder of {name: array}."""
    for name, array in files.items():
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(file)
    return tmp_path / "data"


IMAGE = np.full((3, 4, 3), 70, "uint8")


def test_dataset_json_describes_the_shards(folder, tmp_path):
    index = pack(folder, tmp_path / "p", shard_samples=4)
    content = json.loads((tmp_path / "p" / "dataset.json").read_text())
    assert content["class_names"] == list(index.class_names) and content["num_classes"] == 7
    assert content["splits"]["train"]["samples"] == 9 and content["splits"]["train"]["image_size"] == [40, 52]
    for split in content["splits"].values():
        for shard in split["shards"]:
            data = (tmp_path / "p" / shard["name"]).read_bytes()
            assert len(data) == shard["bytes"] and hashlib.sha256(data).hexdigest() == shard["sha256"]
            assert len(content_of(tmp_path / "p" / shard["name"])) == 2 * shard["samples"]
    assert [shard.samples for shard in index.splits["train"]] == [4, 4, 1]


def test_files_are_kept_as_they_are(folder, tmp_path):
    pack(folder, tmp_path / "p")
    members = content_of(tmp_path / "p" / "train-000000.tar")
    images = {file.stem: file.read_bytes() for file in (folder / "train" / "images").iterdir()}
    assert {name.split(".")[0]: content for name, content in members.items() if ".seg." not in name} == images


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        pack(folder, tmp_path / name, seed=seed, shard_samples=4)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert files_of(tmp_path / "a")["train-000000.tar"] != files_of(tmp_path / "c")["train-000000.tar"]
    order = [name for name in content_of(tmp_path / "a" / "train-000000.tar") if ".seg." in name]
    assert order != sorted(order)


def test_shards_have_about_the_size_that_was_asked_for(folder, tmp_path):
    index = pack(folder, tmp_path / "p", shard_mb=0.02, split="train")
    contents = [sum(map(len, content_of(shard.path).values())) for shard in index.splits["train"]]
    assert len(contents) > 2
    assert all(size <= 20_000 for size in contents)
    assert sum(shard.samples for shard in index.splits["train"]) == 9


MASKS = {
    "black and white": (np.array([[0, 255, 0, 255]] * 3, "uint8"), {}, [0, 1, 0, 1]),
    "mapped": (np.array([[3, 7, 3, 7]] * 3, "uint8"), {"label_map": {3: 0, 7: 1}}, [0, 1, 0, 1]),
    "below 0": (
        np.array([[0, 1, 2, 255]] * 3, "uint8"),
        {"label_map": {0: 0, 1: 1, 2: 2, 255: -1}, "ignore_class": -1, "num_classes": 3},
        [0, 1, 2, -1],
    ),
    "ignored": (np.array([[0, 1, 2, 255]] * 3, "uint8"), {"ignore_class": 255}, [0, 1, 2, 255]),
    "16 bits": (np.array([[0, 1, 2, 700]] * 3, "uint16"), {"num_classes": 701}, [0, 1, 2, 700]),
    "colors": (
        np.array([[[9, 8, 7], [1, 2, 3], [9, 8, 7], [1, 2, 3]]] * 3, "uint8"),
        {"colors": {(9, 8, 7): 0, (1, 2, 3): 1}},
        [0, 1, 0, 1],
    ),
}


@pytest.mark.parametrize("case", MASKS)
def test_masks_hold_the_ids_that_the_folder_is_read_as(tmp_path, case):
    mask, reading, expected = MASKS[case]
    data = made(tmp_path, {"images/a.png": IMAGE, "masks/a.png": mask, "images/b.png": IMAGE, "masks/b.png": mask})
    index = pack(data, tmp_path / "p", **reading)
    ours = taken(ks.data.from_shards(tmp_path / "p", batch_size=2, loader="numpy"))
    theirs = taken(ks.data.from_folder(data, batch_size=2, loader="numpy", **reading))
    assert ours[0][1][0, 0].tolist() == expected
    assert examples(ours) == examples(theirs)
    stored = Image.open(index_mask(index))
    assert stored.mode in ("L", "I;16")  # webdataset reads a palette as colors.


def index_mask(index):
    import io

    return io.BytesIO(content_of(index.splits["train"][0].path)["a.seg.png"])


def test_a_palette_becomes_gray_ids(tmp_path):
    mask = Image.fromarray(np.array([[0, 1, 2, 1]] * 3, "uint8"), "L").convert("P")
    mask.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0])
    mask.putdata([0, 1, 2, 1] * 3)
    data = made(tmp_path, {"images/a.png": IMAGE, "masks/b.png": IMAGE[..., 0]})
    (data / "masks" / "b.png").unlink()
    mask.save(data / "masks" / "a.png")
    index = pack(data, tmp_path / "p")
    stored = Image.open(index_mask(index))
    assert stored.mode == "L" and np.array(stored)[0].tolist() == [0, 1, 2, 1]


def test_turned_photos_and_arrays(tmp_path):
    data = made(
        tmp_path, {"images/b.png": IMAGE, "masks/b.png": IMAGE[..., 0] * 0, "masks/a.png": IMAGE[..., 0] * 0 + 1}
    )
    turned = Image.fromarray(IMAGE.swapaxes(0, 1))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(data / "images" / "a.jpg", exif=exif)
    pack(data, tmp_path / "p", num_classes=2)
    options = {"batch_size": 2, "loader": "numpy"}
    found = taken(ks.data.from_shards(tmp_path / "p", **options))
    assert found[0][0].shape == (2, 3, 4, 3)
    np.save(data / "images" / "b.npy", np.zeros((3, 4, 5), "uint8"))
    np.save(data / "images" / "a.npy", np.ones((3, 4, 5), "uint8"))
    for file in ("a.jpg", "b.png"):
        (data / "images" / file).unlink()
    pack(data, tmp_path / "q", num_classes=2, channels=5)
    [(images, masks)] = taken(ks.data.from_shards(tmp_path / "q", **options))
    assert images.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(images[:, 0, 0, 0], masks[:, 0, 0])


def test_keys_are_unique_and_have_no_points(tmp_path):
    names = ["one/a.b.c", "two/a.b.c", "two/A.b.c"]
    files = {}
    for number, name in enumerate(names):
        files[f"images/{name}.png"] = IMAGE + np.uint8(number)
        files[f"masks/{name}.png"] = np.full((3, 4), number, "uint8")
    index = pack(made(tmp_path, files), tmp_path / "p", num_classes=3)
    keys = {name.split(".")[0] for name in content_of(index.splits["train"][0].path)}
    assert {key.casefold() for key in keys} == {"a_b_c", "a_b_c-2", "a_b_c-3"}
    [(images, masks)] = taken(ks.data.from_shards(index, batch_size=3, loader="numpy"))
    np.testing.assert_array_equal(images[:, 0, 0, 0] - 70, masks[:, 0, 0])


def test_keys_that_webdataset_would_skip():
    pairs = [ks.data.Pair(pathlib.Path(f"{name}.png"), pathlib.Path()) for name in ("__d__", "d", "...", "a/b", "Ü ä")]
    assert sample_keys(Counted(pairs)) == ["d", "d-2", "image", "b", "Ü_ä"]


class Counted:
    def __init__(self, pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)


def test_indices_are_packed_by_split(folder, tmp_path):
    train, held = ks.data.split_index(ks.data.scan_folder(folder, split="train"))
    index = pack({"train": train, "held-out": held}, tmp_path / "p")
    assert {name: index.samples(name) for name in index.splits} == {"train": len(train), "held-out": len(held)}
    assert len(examples(taken(ks.data.from_shards(index, split="held-out", loader="numpy")))) == len(held)


def test_an_interrupted_call_is_continued(folder, tmp_path, monkeypatch):
    whole = pack(folder, tmp_path / "whole", shard_samples=2)
    written, real = [], module._write

    def stopping(path, samples):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path.name)
        real(path, samples)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", stopping)
        with pytest.raises(KeyboardInterrupt):
            pack(folder, tmp_path / "p", shard_samples=2)
    assert not (tmp_path / "p").exists()
    left = files_of(tmp_path / "p.partial")
    assert set(left) == {"unfinished.json", *written}
    (tmp_path / "p.partial" / "val-000000.tar").write_bytes(b"half of one, after a loss of power")
    (tmp_path / "p.partial" / ".val-000000.tar-abcdefgh").mkdir()
    again = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", lambda path, samples: again.append(path.name) or real(path, samples))
        pack(folder, tmp_path / "p", shard_samples=2)
    assert not set(again) & set(written) and len(again) + 3 == sum(map(len, whole.splits.values()))
    assert files_of(tmp_path / "p") == files_of(tmp_path / "whole")
    assert not (tmp_path / "p.partial").exists()


def test_other_settings_start_over(folder, tmp_path, monkeypatch):
    real = module._write

    def stopping(path, samples):
        if path.name.startswith("val"):
            raise KeyboardInterrupt
        real(path, samples)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", stopping)
        with pytest.raises(KeyboardInterrupt):
            pack(folder, tmp_path / "p", seed=1)
    pack(folder, tmp_path / "p", seed=2)
    pack(folder, tmp_path / "q", seed=2)
    assert files_of(tmp_path / "p") == files_of(tmp_path / "q")


def test_a_failed_call_leaves_nothing(folder, tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(28, "No space left on device")

    data = shutil.copytree(folder, tmp_path / "data")
    index = {"train": ks.data.scan_folder(data, split="train")}
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", failing)
        assert "cannot be written" in refused(pack, index, tmp_path / "p")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    next(iter((data / "train" / "images").iterdir())).unlink()
    monkeypatch.setattr(module, "_fingerprint", lambda *_: "any")
    monkeypatch.setattr(module._files, "size_on_disk", lambda _: 1)
    assert ".png: cannot be read (No such file or directory)" in refused(pack, index, tmp_path / "p")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_what_is_there_is_not_overwritten(folder, tmp_path):
    pack(folder, tmp_path / "p")
    before = files_of(tmp_path / "p")
    assert "`out` holds shards already" in refused(pack, folder, tmp_path / "p")
    assert files_of(tmp_path / "p") == before
    pack(folder, tmp_path / "p", shard_samples=5, overwrite=True)
    assert "train-000001.tar" in files_of(tmp_path / "p")
    other = tmp_path / "other"
    other.mkdir()
    (other / "dataset.json").write_text("{}")
    assert "something other than shards" in refused(pack, folder, other, overwrite=True)
    assert "something other" in refused(pack, folder, other)
    (tmp_path / "p" / "NOTES.md").write_text("mine")
    (tmp_path / "p" / "models").mkdir()
    (tmp_path / "p" / ".DS_Store").touch()
    before = sorted(path.name for path in (tmp_path / "p").iterdir())
    for overwrite in (False, True):
        line = refused(pack, folder, tmp_path / "p", overwrite=overwrite)
        assert "`out` holds something other than shards (NOTES.md, models). Received" in line
        assert line.endswith("Move it, or choose another place.")
    assert (tmp_path / "p" / "NOTES.md").read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == before
    (tmp_path / "p" / "NOTES.md").unlink()
    (tmp_path / "p" / "models").rmdir()
    pack(folder, tmp_path / "p", overwrite=True)  # Nobody misses what a file manager has left.
    assert set(files_of(tmp_path / "p")) == {"dataset.json", "train-000000.tar", "val-000000.tar"}
    (tmp_path / "p" / "train-000007.tar").touch()  # Which dataset.json does not list.
    assert "(train-000007.tar)" in refused(pack, folder, tmp_path / "p", overwrite=True)
    (tmp_path / "file").write_text("")
    assert "must be a folder that does not exist" in refused(pack, folder, tmp_path / "file", overwrite=True)
    (tmp_path / "q.partial").mkdir()
    (tmp_path / "q.partial" / "mine.txt").write_text("")
    assert "holds no interrupted packing" in refused(pack, folder, tmp_path / "q")
    assert (tmp_path / "q.partial" / "mine.txt").exists()
    (tmp_path / "empty").mkdir()
    assert pack(folder, tmp_path / "empty").samples("val") == 3


@pytest.mark.parametrize("out", [".", "..", "../here"])
def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch, out):
    """Refused before the scan, which would find that there is no data."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    text = "`out` is the current folder or holds it, and cannot be replaced."
    assert text in refused(pack, tmp_path / "no data", out)
    assert list(tmp_path.rglob("*")) == [tmp_path / "here"]


def test_an_address_is_refused_before_the_scan(tmp_path):
    assert "is an address, and this is written to a disk" in refused(pack, tmp_path / "no data", "s3://bucket/packed")


@pytest.mark.parametrize(
    "options, text",
    [
        ({"shard_mb": 0}, "`shard_mb` must be larger than 0"),
        ({"shard_samples": 0}, "`shard_samples` must be an integer of at least 1"),
        ({"seed": -1}, "`seed`"),
        ({"overwrite": 1}, "`overwrite`"),
        ({"split": "test"}, "there is no split 'test'. It has: train, val."),
        ({"split": ()}, "`split` must name at least one"),
        ({"num_classes": 2}, "lists 7 classes"),
    ],
)
def test_bad_arguments(folder, tmp_path, options, text):
    assert text in refused(pack, folder, tmp_path / "p", **options)
    assert list(tmp_path.iterdir()) == []


def test_other_kinds_of_indices_and_folders(folder, tmp_path):
    index = ks.data.scan_folder(folder, split="train")
    assert "cannot change a FolderIndex" in refused(pack, index, tmp_path / "p", num_classes=3)
    assert "cannot change a FolderIndex" in refused(pack, {"train": index}, tmp_path / "p", split="train")
    assert "at least one index" in refused(pack, {}, tmp_path / "p")
    assert "names of splits as keys" in refused(pack, {"../x": index}, tmp_path / "p")
    assert "`path` must be" in refused(pack, 5, tmp_path / "p")
    cells = ks.data.scan_instances(ks.data.write_cells(tmp_path / "c", train=2, val=1, image_size=48), split="train")
    assert "indices of class masks" in refused(pack, {"train": cells}, tmp_path / "p")
    assert "must be a folder, a FolderIndex" in refused(pack, cells, tmp_path / "p")
    gray = ks.data.scan_folder(folder, split="val", channels=1)
    assert "channels=1" in refused(pack, {"train": index, "val": gray}, tmp_path / "p")


def test_shards_hold_class_masks_only(folder, tmp_path):
    pack(folder, tmp_path / "p")
    for read in (ks.data.scan_instances, ks.data.scan_multilabel):
        text = refused(read, tmp_path / "p")
        assert "not of shards" in text and "Pass the folder that was packed." in text


def test_a_mask_that_cannot_be_used_is_named(tmp_path):
    data = made(tmp_path, {"images/a.png": IMAGE, "masks/a.png": np.zeros((3, 9), "uint8")})
    assert "a.png" in refused(pack, data, tmp_path / "p")
    (data / "masks" / "a.png").write_bytes(picture(IMAGE[..., 0])[:40])
    assert "the mask cannot be read" in refused(pack, data, tmp_path / "p")
    assert not (tmp_path / "p").exists()
