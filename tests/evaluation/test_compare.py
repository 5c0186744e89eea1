"""Models compared on the same images: intervals against SciPy, classes by name, wrong calls."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from scipy import stats

from keras_seg import _validation, metrics
from keras_seg.evaluation import (
    BoundaryEvaluation,
    Evaluation,
    FoldsEvaluation,
    InstanceEvaluation,
    MultiLabelEvaluation,
    compare,
)
from keras_seg.evaluation.compare import compare_means
from keras_seg.metrics import PanopticQuality

pytestmark = pytest.mark.tensorflow_only


def evaluation(of_images, names=("sky", "road"), ignore_class=()):
    of_images = np.asarray(of_images)
    return Evaluation(
        confusion=of_images.sum(axis=0),
        class_names=tuple(names),
        images=len(of_images),
        image_accuracy=np.zeros(len(of_images)),
        image_confusion=of_images,
        ignore_class=ignore_class,
    )


def two_models(images=30, gain=0.03, seed=0):
    """Matrices of two models: images differ a lot, the second model is right on some more pixels of each."""
    random = np.random.default_rng(seed)
    wrong = random.uniform(0.05, 0.5, (images, 2))
    both = []
    for error in (wrong, np.maximum(wrong - random.normal(gain, 0.02, wrong.shape), 0)):
        hits = np.rint(1000 * (1 - error))
        both.append(np.stack([[[a, 1000 - a], [1000 - b, b]] for a, b in hits]).astype(int))
    return both


def test_the_interval_of_the_difference_is_that_of_scipy():
    first, second = two_models()
    found = compare({"a": evaluation(first), "b": evaluation(second)}, samples=20000)

    def difference(chosen, axis=-1):
        def of(places):
            return metrics.scores.mean_iou(second[places].sum(0)) - metrics.scores.mean_iou(first[places].sum(0))

        return np.apply_along_axis(of, axis, chosen)

    theirs = stats.bootstrap(
        (np.arange(30),), difference, n_resamples=4000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    (interval,) = found.differences
    width = theirs.high - theirs.low
    assert interval.value == pytest.approx(difference(np.arange(30)))
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=0.1 * width)
    # Unpaired, the images would hide the difference.
    assert found.scores[0].high - found.scores[0].low > 3 * width
    assert found.verdicts == ("better",)


def test_verdicts_and_rows():
    first, second = two_models()
    found = compare({"b": evaluation(second), "a": evaluation(first), "b again": evaluation(second)})
    assert found.verdicts == ("worse", "unclear")
    assert found.rows[0][-1] == "first" and found.rows[2][3:] == ("+0.0", "+0.0 to +0.0", "unclear")
    assert found.to_dict()["models"][1]["verdict"] == "worse"
    assert str(found).splitlines()[1].startswith("b  ")
    np.testing.assert_allclose(found.iou[0], metrics.scores.iou_per_class(second.sum(axis=0)))


def test_classes_are_matched_by_name():
    first, second = two_models()
    turned = second[:, ::-1, ::-1]
    found = compare({"a": evaluation(first), "b": evaluation(turned, ("road", "sky"))})
    same = compare({"a": evaluation(first), "b": evaluation(second)})
    assert found.to_dict() == same.to_dict()


def test_ignored_classes_have_no_score():
    """Five pixels of the sky per image are predicted as a class that is ignored."""
    names, both = ("void", "sky", "road"), []
    for matrices in two_models():
        padded = np.pad(matrices, ((0, 0), (1, 0), (1, 0)))
        padded[:, 1, 0] = 5
        both.append(padded)
    turned = evaluation(both[1][:, ::-1, ::-1], names[::-1], ignore_class=(2,))
    found = compare({"a": evaluation(both[0], names, ignore_class=(0, 255)), "b": turned})
    expected = np.array([metrics.scores.iou_per_class(one.sum(axis=0)) for one in both])
    np.testing.assert_allclose(found.iou[:, 1:], expected[:, 1:])
    assert np.isnan(found.iou[:, 0]).all() and found.to_dict()["models"][0]["iou"]["void"] is None
    assert [one.value for one in found.scores] == pytest.approx(expected[:, 1:].mean(axis=1))
    words = "must ignore the same classes.*a: void, b: none.*one `ignore_class`"
    with pytest.raises(_validation.InputError, match=words) as error:
        compare({"a": evaluation(both[0], names, ignore_class=(0,)), "b": evaluation(both[1], names)})
    assert "\n" not in str(error.value)


def test_what_does_not_belong_together():
    first, second = two_models()
    for other, words in (
        (evaluation(second, ("sky", "street")), "must have the same classes; 'road', 'street' belong to a or b alone"),
        (evaluation(second[:20]), "must be of the same images.*a: 30 images, b: 20"),
        (evaluation(second + np.eye(2, dtype=int)), "must be of the same masks"),
        (evaluation(second[:1]), "must hold evaluations of two images or more"),
    ):
        with pytest.raises(_validation.InputError, match=words):
            compare({"a": evaluation(first), "b": other})
    with pytest.raises(_validation.InputError, match="must hold at least two models"):
        compare({"a": evaluation(first)})
    objects = counted(InstanceEvaluation, np.full(30, 50))
    with pytest.raises(_validation.InputError, match="must be of one kind.*a: mean IoU, b: instance score"):
        compare({"a": evaluation(first), "b": objects})


def test_what_is_no_evaluation():
    one, other = map(evaluation, two_models())
    folds = FoldsEvaluation(evaluation=other, folds=(other,), interval=None, iou=other.iou, choice=None)
    for evaluations, words in (
        ([one, other], r"`evaluations` must be a dict of evaluations by name.*'list'.*Name the models"),
        ({1: one, "1": other}, "`evaluations` must have names that differ as text"),
        ({"a": one, "b": folds}, "`evaluations` must hold evaluations.*b: FoldsEvaluation.*Pass its `evaluation`"),
        (
            {"a": one.score, "b": other.score},
            "`evaluations` must hold evaluations.*a: float.*Pass what `evaluate` returns",
        ),
    ):
        with pytest.raises(_validation.InputError, match=words) as error:
            compare(evaluations)
        assert "\n" not in str(error.value)


def test_names_may_be_paths_or_numbers():
    one, other = map(evaluation, two_models())
    found = compare({pathlib.PurePosixPath("runs/a"): one, 7: other})
    assert found.names == ("runs/a", "7") and "runs/a" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["models"][1]["name"] == "7"


def counted(kind, found):
    """An evaluation of 100 objects, or pixels of edges, per image, of which these are found, and as many others."""
    missed, wrong = 100 - found, np.full_like(found, 10)
    if kind is InstanceEvaluation:
        counts = np.stack([found, wrong, missed], axis=-1)[:, None]
        names = ("iou", "true_positives", "false_positives", "false_negatives")
        return kind(counts=counts, thresholds=(0.5,), panoptic=PanopticQuality(**dict.fromkeys(names, np.ones(1))))
    counts = np.stack([found + wrong, found, found + missed, found], axis=-1)[:, None]
    return kind(counts=counts, thresholds=(0.5,), threshold=0.5, tolerance_ratio=0.01)


@pytest.mark.parametrize("kind", [InstanceEvaluation, BoundaryEvaluation])
def test_objects_and_edges(kind):
    random = np.random.default_rng(0)
    found = random.integers(20, 80, 30)
    one, other = counted(kind, found), counted(kind, found + random.integers(2, 8, 30))
    result = compare({"a": one, "b": other, "a again": one}, samples=4000)
    assert result.verdicts == ("better", "unclear")
    assert [interval.value for interval in result.scores[:2]] == pytest.approx([one.score, other.score])
    assert result.differences[0].value == pytest.approx(other.score - one.score)
    assert kind.score_name in str(result) and result.iou.shape == (3, 0)
    (key,) = result.to_dict()["models"][0].keys() - {"name", "difference", "verdict", "iou"}
    assert key in one.to_dict()
    # The interval of a mean is that of SciPy.
    if kind is InstanceEvaluation:
        theirs = stats.bootstrap(
            (one.image_scores,), np.mean, n_resamples=4000, method="percentile", rng=random
        ).confidence_interval
        assert (result.scores[0].low, result.scores[0].high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    with pytest.raises(_validation.InputError, match="must be of the same masks"):
        compare({"a": one, "b": dataclasses.replace(other, counts=other.counts + 1)})


def test_edges_within_another_distance():
    """Thresholds may differ, as they are tuned for each model; the tolerance is part of the score."""
    one = counted(BoundaryEvaluation, np.full(30, 50))
    tuned = dataclasses.replace(one, thresholds=(0.3,), threshold=0.3)
    assert compare({"a": one, "b": tuned}).verdicts == ("unclear",)
    words = "must have the same tolerance of edges.*a: 0.01, b: 0.02.*one `tolerance_ratio`"
    with pytest.raises(_validation.InputError, match=words) as error:
        compare({"a": one, "b": dataclasses.replace(one, tolerance_ratio=0.02)})
    assert "\n" not in str(error.value)


def test_overlapping_classes():
    random = np.random.default_rng(0)
    found = random.integers(20, 80, (12, 2))
    rest = np.full_like(found, 10)

    def of(hits, names=("box", "bar")):
        counts = np.stack([rest, rest, 100 - hits, hits], axis=-1).reshape(12, 2, 2, 2)
        return MultiLabelEvaluation(counts=counts, class_names=names)

    one, better = of(found), of(found + 10)
    result = compare({"a": one, "b": better, "swapped": of(found[:, ::-1], ("bar", "box"))})
    # IoU = TP / (TP + FP + FN), and TP + FN is 100 per image: hits over 110.
    assert result.scores[0].value == pytest.approx(found.sum() / (24 * 110))
    assert result.differences[0].value == pytest.approx(10 / 110) and result.verdicts[0] == "better"
    np.testing.assert_allclose(result.iou[2], result.iou[0])
    low, high = one.mean_iou_interval()
    assert (result.scores[0].low, result.scores[0].high) == pytest.approx((low, high))


def test_models_without_a_score():
    """No image holds a class, and none is predicted."""
    one = MultiLabelEvaluation(counts=np.tile([[100, 0], [0, 0]], (3, 1, 1, 1)), class_names=("box",))
    result = compare({"a": one, "b": one})
    assert result.rows == [("a", "none", "", "", "", "first"), ("b", "none", "", "none", "", "unclear")]
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))["models"][1]
    assert found["mean_iou"] == found["difference"] == {"value": None, "low": None, "high": None}
    assert "nan" not in str(result)


def test_means_over_trainings():
    first, second = two_models()
    third = two_models(seed=0, gain=0.05)[1]
    once = compare({"a": evaluation(first), "b": evaluation(second)})
    twice = compare_means({"a": [evaluation(first)] * 2, "b": [evaluation(second), evaluation(third)]})
    alone = compare({"a": evaluation(first), "b": evaluation(third)})
    assert twice.scores[0] == once.scores[0]
    assert twice.differences[0].value == pytest.approx((once.differences[0].value + alone.differences[0].value) / 2)
    np.testing.assert_allclose(
        twice.differences[0].samples, (once.differences[0].samples + alone.differences[0].samples) / 2
    )
    assert compare_means({"a": [evaluation(first)]}).differences == ()
    swapped = evaluation(first[:, ::-1, ::-1], ("road", "sky"))
    np.testing.assert_allclose(compare_means({"a": [evaluation(first), swapped]}).iou[0], once.iou[0])
