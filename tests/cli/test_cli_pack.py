"""keras-seg pack."""

import json

import made_data
import pytest
from shell import command

from keras_seg.data.shards import write_shards

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=5, val=2, image_size=(40, 52))


def test_a_summary_and_the_shards(shapes, tmp_path, capsys):
    out = tmp_path / "out"
    assert command("pack", shapes, out, "--shard-samples", 2, "--seed", 3) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "train 5 samples in 3 shards" in printed and "val 2 samples in 1 shard classes" in printed
    assert f"written to {out}"[:30] in printed and "MB)" in printed
    content = json.loads((out / "dataset.json").read_text())
    assert content["packing"] == {"seed": 3, "shard_mb": 256, "shard_samples": 2}
    assert {path.suffix for path in out.iterdir()} == {".tar", ".json"}


def test_options_on_the_masks_and_the_splits(shapes, tmp_path):
    out = tmp_path / "out"
    assert (
        command("pack", shapes, out, "--split", "val", "--ignore-class", 6, "--channels", 1, "--shard-mb", 0.001) == 0
    )
    content = json.loads((out / "dataset.json").read_text())
    assert list(content["splits"]) == ["val"] and len(content["splits"]["val"]["shards"]) == 2
    assert content["ignore_class"] == [6] and content["channels"] == 1


def test_refusals_name_options(shapes, tmp_path, refused):
    out = tmp_path / "out"
    assert command("pack", shapes, out) == 0
    assert "Choose another place, or pass --overwrite" in refused("pack", shapes, out)
    assert command("pack", shapes, out, "--overwrite") == 0
    both = ("--shard-mb", 1, "--shard-samples", 2)
    assert "--shard-mb has no effect beside --shard-samples" in refused("pack", shapes, tmp_path / "b", *both)
    assert "--shard-mb must be larger than 0" in refused("pack", shapes, tmp_path / "b", "--shard-mb", 0)
    assert "--shard-samples must be" in refused("pack", shapes, tmp_path / "b", "--shard-samples", 0)
    assert "there is no split 'dev'" in refused("pack", shapes, tmp_path / "b", "--split", "dev")
    assert "something other than shards" in refused("pack", shapes, shapes, "--overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("words", [("train", "--out", "run", "--task", "instances"), ("doctor",)])
def test_what_does_not_take_shards(shapes, tmp_path, monkeypatch, refused, words):
    monkeypatch.chdir(tmp_path)
    assert command("pack", shapes, "packed") == 0
    line = refused(words[0], "packed", *words[1:])
    assert "not of shards" in line and "Pass the folder that was packed" in line and "keras-seg doctor" not in line


def test_a_run_on_shards(shapes, tmp_path, monkeypatch, refused):
    """Trained on shards, and evaluated on them and on the folder: the same numbers."""
    monkeypatch.chdir(tmp_path)
    assert command("pack", shapes, "packed", "--shard-samples", 2) == 0
    assert command("train", "packed", "--out", "run", "--epochs", 1, "--batch-size", 2) == 0
    for data in ("packed", shapes):
        assert command("evaluate", "run", data, "--split", "val", "--json", "scores.json") == 0
        scores = json.loads((tmp_path / "scores.json").read_text())
        trained = json.loads((tmp_path / "run" / "metrics.json").read_text())
        assert scores["mean_iou"] == trained["mean_iou"] and scores["images"] == trained["images"] == 2
    (tmp_path / "packed" / "train-000001.tar").unlink()
    line = refused("plan", "packed")
    assert "Error: packed/train-000001.tar: there is no such file." in line and "keras-seg doctor" not in line


def test_an_interruption_and_the_same_command_again(shapes, tmp_path, monkeypatch, capsys):
    real, out = write_shards._write, tmp_path / "out"

    def stopping(path, samples):
        if path.name == "val-000000.tar":
            raise KeyboardInterrupt
        real(path, samples)

    with monkeypatch.context() as patch:
        patch.setattr(write_shards, "_write", stopping)
        assert command("pack", shapes, out) == 130
    assert "Give the same command again to continue" in capsys.readouterr().err
    assert not out.exists()
    written = []
    monkeypatch.setattr(write_shards, "_write", lambda path, samples: written.append(path.name) or real(path, samples))
    assert command("pack", shapes, out) == 0
    assert written == ["val-000000.tar"] and out.exists()
