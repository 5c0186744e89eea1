"""Scores out of fold are those of each model on its own images, added up."""

import dataclasses
import sys

import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation
from keras_seg.evaluation import evaluate, evaluate_folds

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    ks.data.write_shapes(folder, train=9, val=1, image_size=(32, 40))
    return ks.data.scan_folder(folder, split="train")


def models(count, classes=7):
    return [ks.models.UNet(num_classes=classes, filters=4, depth=1) for _ in range(count)]


def test_equals_each_model_on_its_own_images(index):
    parts = [validation for _, validation in ks.data.split_folds(index, folds=3)]
    made, seen = models(3), []
    found = evaluate_folds(iter(made), parts, progress=lambda done, total: seen.append((done, total)))
    each = [evaluate(model, part) for model, part in zip(made, parts, strict=True)]
    for ours, theirs in zip(found.folds, each, strict=True):
        np.testing.assert_array_equal(ours.image_confusion, theirs.image_confusion)
    matrices = np.concatenate([one.image_confusion for one in each])
    np.testing.assert_array_equal(found.evaluation.confusion, matrices.sum(axis=0))
    assert found.score == pytest.approx(ks.metrics.confidence_interval(matrices).value)
    assert found.choice is None and seen[-1] == (9, 9)
    np.testing.assert_allclose(found.iou, ks.metrics.iou_intervals(matrices))
    assert found.interval == ks.metrics.confidence_interval(matrices)
    assert found.mean_iou is found.interval


def test_groups_are_drawn_together(index):
    made = models(2)
    # Names are 000000 to 000008: each image is its own group, then all are one.
    parts = [validation for _, validation in ks.data.split_folds(index, folds=2, groups=r"^\d+")]
    found = evaluate_folds(made, parts, postprocessing=True)
    assert found.choice.images == 9 and found.mean_iou.low < found.mean_iou.value < found.mean_iou.high
    one_group = [dataclasses.replace(part, group_by="^0000") for part in parts]
    found = evaluate_folds(made, one_group, postprocessing=True)
    assert found.choice is None, "one group cannot show a gain"
    assert np.isnan(found.mean_iou.low) and np.isnan(found.iou[:, 1:]).all()
    assert found.to_dict()["mean_iou_interval"] is None


def test_postprocessing_is_chosen_on_all_folds(index):
    parts = [validation for _, validation in ks.data.split_folds(index, folds=3)]
    made = models(3)
    found = evaluate_folds(made, parts, postprocessing=True)
    assert found.choice.images == 9
    clean = found.choice.postprocessing
    each = [evaluate(model, part, postprocessing=clean) for model, part in zip(made, parts, strict=True)]
    total = np.sum([one.confusion for one in each], axis=0)
    np.testing.assert_array_equal(found.evaluation.confusion, total)
    assert found.score == pytest.approx(found.choice.score)


@pytest.mark.parametrize("postprocessing", [False, True])
def test_ignored_classes_are_in_no_mean(index, postprocessing):
    ignoring = ks.data.scan_folder(index.path, split="train", ignore_class=0)
    parts = [validation for _, validation in ks.data.split_folds(ignoring, folds=3)]
    found = evaluate_folds(models(3), parts, postprocessing=postprocessing)
    assert all(one.ignore_class == (0,) for one in (found.evaluation, *found.folds))
    matrices = found.evaluation.image_confusion
    assert found.interval == ks.metrics.confidence_interval(matrices, ignore_class=0)
    np.testing.assert_allclose(found.iou, ks.metrics.iou_intervals(matrices, ignore_class=0))
    assert np.isnan(found.iou[0]).all()
    if postprocessing:
        assert found.score == pytest.approx(found.choice.score)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"class_names": ks.data.SHAPE_NAMES[::-1]},
            "same `class_names`.*fold 1 has 'background' where fold 3 has 'star'",
        ),
        ({"ignore_class": 0}, "same `ignore_class`.*fold 1 has None where fold 3 has 0.*split_folds"),
    ],
)
def test_folds_that_were_read_differently(index, options, said):
    """Added class by class, the counts of one class would be those of another. Nothing is predicted before."""
    other = ks.data.scan_folder(index.path, split="train", **options)
    parts = [[validation for _, validation in ks.data.split_folds(one, folds=3)] for one in (index, other)]
    with pytest.raises(_validation.InputError, match=said) as error:
        evaluate_folds(iter(()), [*parts[0][:2], parts[1][2]])
    assert "\n" not in str(error.value)


def test_scipy_is_asked_for_before_the_predictions(index, monkeypatch):
    parts = [validation for _, validation in ks.data.split_folds(index, folds=3)]
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    with pytest.raises(ImportError, match=r'`postprocessing` needs scipy: pip install "keras-seg\[boundary\]"'):
        evaluate_folds(iter(()), parts, postprocessing=True)


def test_wrong_calls(index):
    parts = [validation for _, validation in ks.data.split_folds(index, folds=3)]
    for given, said in (
        (models(2), "`models` must be one per fold, 3. Received: models='2 models'"),
        (models(4), "`models` must be one per fold, 3. Received: models='more models'"),
        (models(3, classes=5), "must have the 7 classes"),
    ):
        with pytest.raises(_validation.InputError, match=said):
            evaluate_folds(given, parts)
    with pytest.raises(_validation.InputError, match="must be of two folds or more, and of one kind"):
        evaluate_folds(models(1), parts[:1])
    with pytest.raises(_validation.InputError, match="`postprocessing` must be True or False"):
        evaluate_folds(models(3), parts, postprocessing=None)
