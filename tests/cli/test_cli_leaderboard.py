"""Leaderboards from the shell: the table, what is printed about failures, interruptions, and wrong calls."""

import made_data
import pytest
from shell import command, refusal

from keras_seg.training.leaderboard_runs import LeaderboardRuns
from keras_seg_cli.leaderboard import FORMATS

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=3, val=3, image_size=(32, 40))


@pytest.fixture(scope="module")
def copies(data, tmp_path_factory):
    return made_data.training_of_copies(tmp_path_factory.mktemp("runs"), *made_data.scanned(data))


@pytest.fixture(autouse=True)
def untrained(copies, monkeypatch):
    monkeypatch.setattr(LeaderboardRuns, "train", copies)


def test_the_table_and_resuming(data, tmp_path, capsys):
    out = tmp_path / "board"
    options = ("--models", "UNet, SegNetBasic,FPN", "--backbones", "EfficientNetLite0", "--epochs", 1)
    assert command("leaderboard", data, "--out", out, *options, "--format", "keras", "--weights", "none") == 1
    lines = capsys.readouterr().out.splitlines()
    said, table = (
        " ".join(" ".join(lines).split()),
        lines[lines.index(max(lines[-40:], key=lambda line: "All models" in line)) :],
    )
    assert {"EfficientNetLite0", "SegNetBasic"} <= {word for line in table for word in line.split()}
    assert "leaderboard.svg" in "".join(said.split())
    assert "FPN-EfficientNetLite0: `weights`" not in said and "FPN-EfficientNetLite0: --weights are missing" in said
    assert max(map(len, lines)) <= 80
    assert command("leaderboard", data, "--out", out, "--resume") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 3: UNet-EfficientNetLite0, seed 0: finished already" in said


def test_an_interruption_says_what_is_kept(data, copies, tmp_path, capsys, monkeypatch):
    def stopped(board, one, **options):
        if one.plan["model"] == "LinkNet":
            raise KeyboardInterrupt
        return copies(board, one, **options)

    monkeypatch.setattr(LeaderboardRuns, "train", stopped)
    out = tmp_path / "board"
    assert command("leaderboard", data, "--out", out, "--models", "UNet,LinkNet", "--format", "keras") == 130
    said = capsys.readouterr().err
    assert f"Kept: 1 finished run. Continue with: keras-seg leaderboard {data} --out {out} --resume" in said


def test_wrong_calls(data, tmp_path, capsys):
    def said(*options):
        return refusal(capsys, "leaderboard", data, "--out", tmp_path / "board", *options)

    assert "--models is missing" in said()
    assert "--models is not a known option" in said("--models", "UNet,Unett")
    assert "--seeds must be an integer of at least 1" in said("--models", "UNet", "--seeds", 0)
    assert "--minutes and --epochs exclude" in said("--models", "UNet", "--minutes", 1, "--epochs", 1)
    assert "holds no leaderboard to resume" in said("--resume")
    assert "--epochs cannot be given with --resume" in said("--resume", "--epochs", 3)
    assert not (tmp_path / "board").exists()


def test_formats_are_those_of_the_package():
    from keras_seg.training import model_speed

    assert FORMATS == model_speed.FORMATS
