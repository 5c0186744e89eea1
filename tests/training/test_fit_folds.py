"""Folds from Python: arguments, and what is refused before anything is trained."""

import dataclasses
import json
import time
import types

import pytest
from made_data import scanned, shapes
from one_device import noted
from plan_facts import installed
from refusals import refused

import keras_seg as ks
from keras_seg import _validation
from keras_seg.training import RunFolder, fit, fit_folds
from keras_seg.training.choices import Plan
from keras_seg.training.fold_runs import FoldRuns
from keras_seg.training.hosts.group import Group

pytestmark = pytest.mark.tensorflow_only

CHOICES = {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "crop": (32, 32), "decoder_stride": 8}


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    return scanned(shapes(tmp_path_factory, train=4, val=2, image_size=(32, 40)))


def test_folds_and_their_ensemble(tmp_path, indices):
    begun = []
    result = fit_folds(indices[0], run=tmp_path / "run", folds=2, choices=CHOICES, started=begun.append)
    assert [fold.number for fold in begun] == [1, 2]
    assert isinstance(result.model, ks.inference.Ensemble) and result.test is None
    assert result.folds.evaluation.images == 4 and result.folds.choice is None
    assert result.score == pytest.approx(RunFolder(tmp_path / "run").load_metrics()["mean_iou"])
    loaded = RunFolder(tmp_path / "run").load_model()
    assert len(loaded.models) == 2
    with pytest.raises(_validation.InputError, match="its training has ended"):
        fit_folds(indices[0], run=tmp_path / "run", resume=True)
    with pytest.raises(_validation.InputError, match="is a run of folds"):
        plan = RunFolder(tmp_path / "run").load_plan()
        fit(plan, train=indices[0], validation=indices[1], run=tmp_path / "run", resume=True)
    # Data of the ensemble: it has seen every image, and was given no others.
    with pytest.raises(_validation.InputError, match="has no effect on the report of the folds"):
        ks.training.write_report(tmp_path / "run", data=indices[0].path)


@pytest.mark.slow
def test_a_run_that_was_interrupted_while_it_began(tmp_path, indices):
    run = tmp_path / "run"
    runs = FoldRuns(indices[0], run=run, folds=2, choices=CHOICES)
    (run / "fold1").mkdir()
    (run / "fold1" / ".begun").touch()
    (run / "fold1" / "labels.json").write_text("{}")
    again = FoldRuns(indices[0], run=run, resume=True)
    assert [fold.plan.to_dict() for fold in again.folds] == [fold.plan.to_dict() for fold in runs.folds]
    assert not again.folds[0].finished
    again.train(again.folds[0])
    assert FoldRuns(indices[0], run=run, resume=True).folds[0].finished


def test_what_is_installed_later_changes_no_plan(tmp_path, indices, monkeypatch):
    installed(monkeypatch)
    begun = FoldRuns(indices[0], run=tmp_path / "run", folds=2, choices=CHOICES)
    assert begun.folds[1].plan["weights"] is None
    installed(monkeypatch, "EfficientNetLite0")
    again = FoldRuns(indices[0], run=tmp_path / "run", resume=True)
    assert [fold.plan.choices for fold in again.folds] == [
        Plan.from_dict(json.loads(json.dumps(fold.plan.to_dict()))).choices for fold in begun.folds
    ]


def test_other_data_of_as_many_images(tmp_path, indices):
    """Images divided otherwise would be scored by models that were trained on them."""
    FoldRuns(indices[0], run=tmp_path / "run", folds=2, choices=CHOICES)
    others = dataclasses.replace(indices[0], pairs=indices[0].pairs[::-1])
    with pytest.raises(_validation.InputError, match="has other images or masks to train on than .*run was begun with"):
        FoldRuns(others, run=tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"folds": 1}, "`folds` must be an integer of at least 2"),
        ({"folds": 5}, "`folds` must be at most the number of images, 4"),
        ({"groups": ["a"] * 4, "folds": 2}, "`groups` must be a regular expression"),
        (
            {"choices": {"task": "instances"}, "folds": 2},
            "`index` must be the InstanceIndex that `task='instances'` div",
        ),
        ({"choices": {"task": "boundaries"}, "folds": 2}, "`task` is not a known option.*Did you mean 'boundary'"),
        ({"choices": {"task": "boundary", "rare_classes": [1]}, "folds": 2}, "rare_classes"),
        ({"choices": {"crops": 3}, "folds": 2}, "`choices` is not a known option.*Did you mean 'crop'"),
        ({"choices": {"batch_size": 0}, "folds": 2}, "`batch_size` must be an integer"),
        ({"choices": {"model": "UNett"}, "folds": 2}, "UNet"),
        ({"resume": True}, "no such run folder"),
        ({"resume": True, "overwrite": True}, "exclude each other"),
    ],
)
def test_refused_before_anything_is_written(tmp_path, indices, given, said):
    with pytest.raises(_validation.InputError, match=said) as error:
        fit_folds(indices[0], run=tmp_path / "run", **given)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_test_images_of_other_classes_are_refused(tmp_path, indices):
    """The ensemble would be evaluated on them at the end of all trainings."""
    encoding = dataclasses.replace(indices[1].encoding, num_classes=2, class_names=None)
    test = dataclasses.replace(indices[1], encoding=encoding)
    line = refused(fit_folds, indices[0], run=tmp_path / "run", test=test, folds=2, choices=CHOICES)
    assert line.startswith("`test` must have the 7 classes of the images to train on, in their order: background")
    assert not (tmp_path / "run").exists()


def test_minutes_that_are_over_leave_an_older_run(tmp_path, indices):
    older = RunFolder(tmp_path / "run")
    FoldRuns(indices[0], run=older, folds=2, choices=CHOICES)
    older.metrics_file.write_text("{}")
    plan = older.plan_file.read_bytes()
    again = {"run": older, "folds": 2, "choices": {**CHOICES, "epochs": None, "minutes": 1000}, "overwrite": True}
    with pytest.raises(_validation.InputError, match="`minutes` were over before training began"):
        FoldRuns(indices[0], **again, began=time.monotonic() - 60000)
    assert older.plan_file.read_bytes() == plan and older.metrics_file.exists()
    begun = FoldRuns(indices[0], **again, began=time.monotonic() - 5)
    assert begun.seconds_spent >= 5 and begun.minutes_per_fold == 500
    assert FoldRuns(indices[0], run=older, resume=True, began=time.monotonic() - 60000).seconds_spent == 0


def test_a_batch_that_cannot_be_divided_leaves_an_older_run(tmp_path, indices, monkeypatch):
    older = RunFolder(tmp_path / "run")
    FoldRuns(indices[0], run=older, folds=2, choices=CHOICES)
    plan = older.plan_file.read_bytes()
    monkeypatch.setattr(Group, "current", lambda: Group(devices=4))
    with pytest.raises(_validation.InputError, match="`batch_size` must be a multiple of the number of devices, 4"):
        FoldRuns(indices[0], run=older, folds=2, choices=CHOICES, overwrite=True)
    assert older.plan_file.read_bytes() == plan


@pytest.mark.parametrize("place", [0, 1])
def test_images_that_do_not_fit_into_the_memory(tmp_path, indices, monkeypatch, place):
    """Those of the folds, and the test images, which may be larger."""

    def lacking(*given, **options):
        raise MemoryError

    def evaluate_folds(models, *given, **options):
        assert len(list(models)) == 2
        return types.SimpleNamespace(decoding={})

    monkeypatch.setattr(RunFolder, "load_model", lambda run: ks.models.UNet(num_classes=2, filters=2, depth=1))
    monkeypatch.setattr("keras_seg.evaluation.evaluate_folds", evaluate_folds if place else lacking)
    monkeypatch.setattr("keras_seg.training.tasks.semantic.SemanticTask.evaluate", lacking)
    runs = FoldRuns(indices[0], run=tmp_path / "run", test=indices[1], folds=2, choices=CHOICES)
    line = refused(runs.finish)
    said = "the device has not enough memory to predict whole images of 32x40 pixels"
    assert line.startswith(f"{indices[place].path}: {said}")


def test_the_end_is_on_one_device(tmp_path, indices, monkeypatch):
    """Several that share a batch cannot share a single image."""
    inside = noted(monkeypatch)

    def evaluate_folds(*given, **options):
        raise _validation.InputError(f"evaluated inside of {len(inside)}")

    monkeypatch.setattr("keras_seg.evaluation.evaluate_folds", evaluate_folds)
    runs = FoldRuns(indices[0], run=tmp_path / "run", folds=2, choices=CHOICES)
    assert refused(runs.finish) == "evaluated inside of 1"


def test_another_kind_of_index_is_refused(tmp_path):
    ks.data.write_cells(tmp_path / "cells", train=4, val=1, image_size=64)
    index = ks.data.scan_instances(tmp_path / "cells", split="train")
    with pytest.raises(_validation.InputError, match="must be the FolderIndex that `task='semantic'` divides.*choices"):
        fit_folds(index, run=tmp_path / "run", folds=2)
    ks.data.write_shapes(tmp_path / "shapes", train=1, val=2, image_size=32)
    test = ks.data.scan_folder(tmp_path / "shapes", split="val")
    with pytest.raises(_validation.InputError, match="`test` must be the InstanceIndex"):
        fit_folds(index, run=tmp_path / "run", folds=2, test=test, choices={"task": "instances"})
    assert not (tmp_path / "run").exists()
