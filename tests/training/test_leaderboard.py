"""Leaderboards: the order, the numbers and the files; resuming; what is refused before anything is trained."""

import dataclasses
import json
import xml.etree.ElementTree as ElementTree

import made_data
import numpy as np
import pytest
from one_device import noted
from plan_facts import installed

import keras_seg as ks
from keras_seg.metrics import Interval
from keras_seg.training import RunFolder, leaderboard
from keras_seg.training.leaderboard_result import Leaderboard, LeaderboardRow, one_line, with_front
from keras_seg.training.leaderboard_runs import LeaderboardRuns
from keras_seg.training.trained_run import TrainedRun

pytestmark = pytest.mark.tensorflow_only

SMALL = {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "crop": (32, 32)}


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    return made_data.scanned(made_data.shapes(tmp_path_factory, train=3, val=4, image_size=(32, 40)))


@pytest.fixture(scope="module")
def copies(indices, tmp_path_factory):
    return made_data.training_of_copies(tmp_path_factory.mktemp("runs"), *indices)


@pytest.fixture
def untrained(copies, monkeypatch):
    monkeypatch.setattr(LeaderboardRuns, "train", copies)


@pytest.fixture(scope="module")
def finished(indices, copies, tmp_path_factory):
    """(folder, leaderboard) of three models with two seeds, one of which fails."""
    folder = tmp_path_factory.mktemp("made") / "board"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LeaderboardRuns, "train", copies)
        found = leaderboard(
            *indices, out=folder, models=["UNet", "SegNetBasic", "FPN"], backbones=["Compact"], seeds=2, format="keras"
        )
    return folder, found


def test_rows_are_means_over_seeds_the_best_first(finished, indices):
    folder, found = finished
    assert sorted(row.name for row in found.rows) == ["SegNetBasic", "UNet-Compact"]
    best, other = found.rows
    for row in found.rows:
        runs = [TrainedRun(folder / "runs" / f"{row.name}-seed{seed}") for seed in (0, 1)]
        scores = [run.evaluate(run.load_model(), indices[1]).mean_iou for run in runs]
        assert list(row.seed_scores.values()) == pytest.approx(scores)
        assert row.score.value == pytest.approx(np.mean(scores))
        assert row.parameters == runs[0].load_model().count_params()
        assert row.size_bytes == 4 * row.parameters and row.milliseconds > 0
    assert best.score.value >= other.score.value and best.difference is None and best.verdict == "best"
    assert other.difference.value == pytest.approx(other.score.value - best.score.value)
    assert other.difference.low <= other.difference.value <= other.difference.high
    np.testing.assert_allclose(other.difference.samples, other.score.samples - best.score.samples)


def test_a_failure_is_listed_once_with_its_reason(finished):
    assert finished[1].failures == {"FPN-Compact": "`weights` are missing. Put the file there."}
    assert one_line(MemoryError("no\nroom")).startswith("MemoryError: no")
    assert "\n" not in one_line(MemoryError("no\nroom"))


def test_files(finished):
    folder, found = finished
    content = json.loads((folder / "leaderboard.json").read_text())
    assert [row["name"] for row in content["rows"]] == [row.name for row in found.rows]
    assert content["rows"][0]["difference"] is None and set(content["rows"][1]["seed_scores"]) == {"0", "1"}
    assert content["failures"] == found.failures and content["images"] == 4
    lines = (folder / "leaderboard.md").read_text().splitlines()
    assert {line.count("|") for line in lines[:4]} == {9} and f"{100 * found.rows[0].score.value:.1f} ± " in lines[2]
    assert "FPN-Compact: `weights` are missing" in lines[-1]
    assert found.rows[0].model in str(found)
    picture = ElementTree.fromstring((folder / "leaderboard.svg").read_text())
    circles = [item for item in picture.iter() if item.tag.endswith("circle")]
    assert len(circles) == 2 and sum("second" in circle.get("class") for circle in circles) >= 1


def row(score, milliseconds):
    interval = Interval(value=score, low=score, high=score, level=0.95, samples=np.array([score]))
    return LeaderboardRow(
        name="UNet",
        model="UNet",
        backbone="none",
        score=interval,
        seed_scores={0: score},
        difference=None,
        verdict="best",
        parameters=1,
        milliseconds=milliseconds,
        size_bytes=4,
    )


def test_the_front():
    # Slower and worse than the second; not timed; as good as the second and slower; as fast as the last and worse.
    pairs = [(0.9, 30.0), (0.8, 10.0), (0.7, 20.0), (0.6, None), (0.8, 11.0), (0.4, 5.0), (0.5, 5.0)]
    marked = [found.on_front for found in with_front([row(*pair) for pair in pairs])]
    assert marked == [True, True, False, False, False, False, True]
    assert [found.on_front for found in with_front([row(0.5, 5.0)] * 2)] == [True, True]


def test_a_model_without_a_score():
    """As where no image holds a class, and it predicts none; it is compared with no other."""
    nan = float("nan")
    gap = Interval(value=nan, low=nan, high=nan, level=0.95, samples=np.array([nan]))
    rows = [row(0.5, 9.0), dataclasses.replace(row(nan, 5.0), seed_scores={0: nan, 1: 0.5}, difference=gap)]
    options = {"failures": {}, "score_name": "mean IoU", "images": 2, "format": "keras", "input_size": (32, 40)}
    found = Leaderboard(rows=with_front(rows), **options)
    assert [item.on_front for item in found.rows] == [True, False]
    assert found.cells[1][:5] == ("2", "UNet", "none", "", "")
    none = {"value": None, "low": None, "high": None}
    second = json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows"][1]
    assert second["score"] == second["difference"] == none and second["seed_scores"] == {"0": None, "1": 0.5}


def test_all_models_share_the_plan(indices, tmp_path):
    choices = {"minutes": 2, "weights": "none", "freeze": False}
    models = ["UNet", "LinkNet", "SegNetBasic"]
    runs = LeaderboardRuns(
        *indices, out=tmp_path / "b", models=models, backbones=["Compact", "none"], seeds=2, choices=choices
    ).runs
    names = ["UNet-Compact", "UNet", "LinkNet-Compact", "LinkNet", "SegNetBasic"]
    assert [(one.name, one.seed) for one in runs] == [(name, seed) for seed in (0, 1) for name in names]
    for name in ("crop", "batch_size", "steps_per_epoch", "scale", "rare_classes", "minutes"):
        assert len({str(one.plan[name]) for one in runs}) == 1
    assert [one.plan["seed"] for one in runs] == [one.seed for one in runs]
    assert runs[0].plan.choices["weights"].rule == "given" and runs[4].plan.choices["weights"].rule != "given"


def test_resuming_trains_what_is_not_finished(untrained, indices, tmp_path, finished):
    runs = LeaderboardRuns(*indices, out=tmp_path / "b", models=["UNet", "SegNetBasic"], format="keras")
    runs.train(runs.runs[0])
    begun = []
    found = leaderboard(*indices, out=tmp_path / "b", resume=True, started=begun.append)
    assert [one.name for one in begun] == ["SegNetBasic"] and len(found.rows) == 2 and found.format == "keras"
    # A model that failed is tried again.
    again = LeaderboardRuns(*indices, out=finished[0], resume=True)
    assert [one.title for one in again.unfinished] == ["FPN-Compact, seed 0", "FPN-Compact, seed 1"]


def test_what_is_installed_later_changes_no_plan(tmp_path, indices, monkeypatch):
    given = {"models": ["UNet"], "seeds": 2, "format": "keras", "choices": SMALL}
    for name, backbones in (("given", ["EfficientNetLite0"]), ("by rule", None)):
        installed(monkeypatch)
        board = LeaderboardRuns(*indices, out=tmp_path / name, backbones=backbones, **given)
        assert board.runs[0].plan["weights"] is None
        installed(monkeypatch, "EfficientNetLite0")
        again = LeaderboardRuns(*indices, out=tmp_path / name, resume=True)
        assert [(one.title, one.run.path, one.plan.to_dict()) for one in again.runs] == [
            (one.title, one.run.path, json.loads(json.dumps(one.plan.to_dict()))) for one in board.runs
        ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"models": ["UNet", "FNP"]}, "`models` is not a known option.*Did you mean 'FPN'"),
        ({"models": None}, "`models` must name at least one, in a list"),
        ({"models": "UNet"}, "`models` must name at least one, in a list"),
        ({"models": ["UNet", "UNet"]}, "`models` must not repeat a name"),
        ({"backbones": ["Compct"]}, "`backbones` is not a known option"),
        ({"models": ["SegNetBasic"], "backbones": ["Compact"]}, "`backbones` has no effect on these models"),
        ({"models": ["SegNetBasic"], "choices": {"freeze": False}}, "`freeze` has no effect on these models"),
        (
            {"models": ["UNet"], "choices": {"aux": True}},
            "`aux` has no effect on these models, which",
        ),
        ({"seeds": 0}, "`seeds` must be an integer of at least 1"),
        ({"format": "tfl"}, "`format` is not a known option"),
        ({"choices": {"seed": 3}}, "`choices` cannot hold 'seed'.*Give `seeds`"),
        ({"choices": {"crops": 3}}, "`choices` is not a known option.*'crop'"),
        ({"choices": {"minutes": 1, "epochs": 1}}, "exclude each other"),
        ({"resume": True}, "`models` cannot be given with `resume=True`|holds no leaderboard to resume"),
    ],
)
def test_refused_before_anything_is_written(tmp_path, indices, given, said):
    with pytest.raises(ks.InputError, match=said) as error:
        leaderboard(*indices, out=tmp_path / "board", **{"models": ["UNet"], **given})
    assert "\n" not in str(error.value) and not (tmp_path / "board").exists()


def test_folders_that_hold_other_things(tmp_path, indices, finished):
    def said(folder, **given):
        with pytest.raises(ks.InputError) as error:
            leaderboard(*indices, out=folder, **given)
        return str(error.value)

    (tmp_path / "mine.txt").write_text("kept")
    assert "holds files that do not belong to a run, and is left alone" in said(tmp_path, models=["UNet"])
    assert "is a file" in said(tmp_path / "mine.txt", models=["UNet"])
    assert "holds a leaderboard already. Continue it with `resume=True`" in said(finished[0], models=["UNet"])
    assert "`seeds` cannot be given with `resume=True`" in said(finished[0], seeds=3, resume=True)
    assert "holds a run, and is left alone" in said(finished[0] / "runs" / "SegNetBasic-seed0", models=["UNet"])
    with pytest.raises(ks.InputError, match="is not a run folder"):
        RunFolder(finished[0]).load_plan()


def test_other_data_at_resume(tmp_path, indices, finished, tmp_path_factory):
    def said(train, validation):
        with pytest.raises(ks.InputError) as error:
            leaderboard(train, validation, out=finished[0], resume=True)
        return str(error.value)

    other = made_data.shapes(tmp_path_factory, train=3, val=4, image_size=(32, 40), seed=5)
    assert "was begun with" in said(*made_data.scanned(other))
    assert "train_images=4" in said(indices[1], indices[1])
    assert "validation_images=3" in said(indices[0], indices[0])
    for kind in ("images", "masks"):
        for file in sorted((other / "val" / kind).iterdir()):
            file.rename(file.with_name(f"other_{file.name}"))
    _, renamed = made_data.scanned(other)
    assert "has other images or masks to validate on than" in said(indices[0], renamed)


def test_a_single_image_cannot_rank(tmp_path, indices, tmp_path_factory):
    train, one = made_data.scanned(made_data.shapes(tmp_path_factory, train=2, val=1, image_size=(32, 40)))
    with pytest.raises(ks.InputError, match="`validation` must hold at least two images"):
        leaderboard(train, one, out=tmp_path / "b", models=["UNet"])


def test_nothing_is_left_to_rank(untrained, tmp_path, indices):
    with pytest.raises(ks.InputError, match="no model could be trained and evaluated. The first: `weights` are"):
        leaderboard(*indices, out=tmp_path / "b", models=["FPN"], format="keras")


def test_the_end_is_on_one_device(tmp_path, indices, monkeypatch):
    """Several that share a batch cannot share a single image."""
    inside = noted(monkeypatch)
    runs = LeaderboardRuns(*indices, out=tmp_path / "b", models=["SegNetBasic"], format="keras")
    with pytest.raises(ks.InputError, match="nothing was trained"):
        runs.finish()
    assert len(inside) == 1


@pytest.mark.slow
def test_trained_in_fact_and_exported(tmp_path, indices):
    found = leaderboard(
        *indices, out=tmp_path / "b", models=["UNet", "PatchClassifier"], backbones=["Compact"], choices=SMALL
    )
    assert found.format == "tflite" and (tmp_path / "b" / "runs" / "UNet-Compact-seed0" / "leaderboard.tflite").exists()
    assert found.rows[0].size_bytes > 1000 and found.rows[0].on_front
    assert "classifies whole patches" in found.failures["PatchClassifier"]
