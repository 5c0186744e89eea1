import json

import keras
import numpy as np
import pytest
import sklearn.metrics
import torchmetrics_numbers
from gradients import compiled
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import GOLDEN, case, filled

from keras_seg._validation import InputError
from keras_seg.losses import Crossentropy
from keras_seg.metrics import (
    BoundaryFScore,
    BoundaryIoU,
    ConfusionMatrix,
    Dice,
    FrequencyWeightedIoU,
    MeanAccuracy,
    MeanIoU,
    MetricSuite,
    PixelAccuracy,
    Precision,
    Recall,
    TrimapIoU,
    scores,
)

CLASS_SCORES = [Dice, Precision, Recall]
SCALARS = [MeanAccuracy, FrequencyWeightedIoU, *CLASS_SCORES]
TORCHMETRICS = json.loads(torchmetrics_numbers.FILE.read_text())


def values(result):
    return {name: float(value) for name, value in result.items()}


def of(kind, matrix, **arguments):
    """The metric of the pixels that have this confusion matrix."""
    true, predicted = np.nonzero(matrix)
    counts = matrix[true, predicted]
    true, predicted = np.repeat(true, counts)[None, None], np.repeat(predicted, counts)[None, None]
    return filled(kind(len(matrix), **arguments), true, predicted).result()


def test_golden_numbers():
    assert float(of(MeanAccuracy, GOLDEN)) == pytest.approx(0.883117, abs=1e-6)
    assert float(of(FrequencyWeightedIoU, GOLDEN)) == pytest.approx(0.833206, abs=1e-6)
    # 100/109, 60/67, 0/4; 50/54, 30/32, 0/2; 50/55, 30/35 and no truth of the third.
    expected = {Dice: [100 / 109, 60 / 67, 0], Precision: [50 / 54, 30 / 32, 0], Recall: [50 / 55, 30 / 35, np.nan]}
    for kind, numbers in expected.items():
        assert float(of(kind, GOLDEN)) == pytest.approx(np.nanmean(numbers), rel=1e-6)
        result = values(of(kind, GOLDEN, per_class=True, class_names=["a", "b", "c"]))
        assert list(result) == [f"{kind.__name__.lower()}_{name}" for name in "abc"]
        np.testing.assert_allclose(list(result.values()), numbers, rtol=1e-6)


def test_identities():
    matrix = np.random.default_rng(0).integers(0, 50, (4, 4))
    iou, dice = scores.iou_per_class(matrix), scores.dice_per_class(matrix)
    np.testing.assert_allclose(dice, 2 * iou / (1 + iou))
    precision, recall = scores.precision_per_class(matrix), scores.recall_per_class(matrix)
    np.testing.assert_allclose(dice, 2 * precision * recall / (precision + recall))
    np.testing.assert_allclose(scores.precision_per_class(matrix.T), recall)
    assert scores.mean_accuracy(matrix) == pytest.approx(recall.mean())
    assert scores.mean_dice(matrix) == pytest.approx(dice.mean())
    assert scores.mean_precision(matrix) == pytest.approx(precision.mean())


@pytest.mark.parametrize("ignore", [None, 255, (0, 255)])
def test_equals_scikit_learn(ignore):
    ignored = [] if ignore is None else np.atleast_1d(ignore).tolist()
    true, p = case(1, void=ignored)
    keep = ~np.isin(true, ignored)
    t, q = true[keep], p.argmax(-1)[keep]
    judged = [c for c in range(4) if c not in ignored]
    precision, recall, dice, support = sklearn.metrics.precision_recall_fscore_support(
        t, q, labels=judged, zero_division=np.nan
    )
    iou = sklearn.metrics.jaccard_score(t, q, labels=judged, average=None)
    for kind, expected in ((Dice, dice), (Precision, precision), (Recall, recall)):
        assert float(filled(kind(4, ignore_class=ignore), true, p).result()) == pytest.approx(
            np.nanmean(expected), rel=1e-6
        )
        result = values(filled(kind(4, ignore_class=ignore, per_class=True), true, p).result())
        np.testing.assert_allclose(list(result.values()), expected, rtol=1e-6)
    assert float(filled(MeanAccuracy(4, ignore_class=ignore), true, p).result()) == pytest.approx(
        np.nanmean(recall), rel=1e-6
    )
    weighted = filled(FrequencyWeightedIoU(4, ignore_class=ignore), true, p)
    assert float(weighted.result()) == pytest.approx((iou * support).sum() / support.sum(), rel=1e-6)


def test_equals_torchmetrics():
    true, p = torchmetrics_numbers.batch()
    matrix = filled(ConfusionMatrix(4, ignore_class=255), true, p).result()
    for name in ("iou", "dice", "precision", "recall"):
        np.testing.assert_allclose(scores.PER_CLASS[name](matrix, ignore_class=255), TORCHMETRICS[name], rtol=1e-5)


def test_without_pixels():
    for kind in SCALARS:
        assert np.isnan(float(kind(3).result()))
    assert all(np.isnan(value) for value in values(MetricSuite(3).result()).values())


@pytest.mark.parametrize("kind", SCALARS)
def test_compiled_equals_eager_and_faults_are_nan(kind):
    true, p = case(2, void=(255, 1))
    metric = kind(4, ignore_class=(1, 255))

    def step(state, y_true, y_pred):
        return metric.stateless_result(metric.stateless_update_state(state, y_true, y_pred))

    state = [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]
    run = compiled(step)
    result = run(state, *map(keras.ops.convert_to_tensor, (true, p)))
    assert float(result) == pytest.approx(float(filled(metric, true, p).result()), rel=1e-6)
    if keras.backend.backend() == "torch":
        return
    true[0, 0, 0] = 9
    assert np.isnan(float(run(state, *map(keras.ops.convert_to_tensor, (true, p)))))


@pytest.mark.parametrize("kind", [*SCALARS, MetricSuite])
def test_config_round_trip(kind):
    own = {
        MetricSuite: {"metrics": ("mean_dice", "trimap_iou"), "per_class": (), "prefix": "x_", "keep_images": True},
        **{score: {"per_class": True} for score in CLASS_SCORES},
    }.get(kind, {})
    metric = kind(
        3, name="m", ignore_class=(0, 255), threshold=0.3, class_names=["a", "b", "c"], out_of_range="count", **own
    )
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is kind
    assert again.get_config() == metric.get_config()
    assert (again.num_classes, again.ignore_class, again.threshold, again.name) == (3, (0, 255), 0.3, "m")
    # JSON knows no tuples.
    assert {key: again.get_config()[key] for key in own} == json.loads(json.dumps(own))


def test_suite_equals_its_metrics():
    true, p = case(3, void=(255,))
    names = [*scores.MEANS, "boundary_iou", "boundary_f_score", "trimap_iou"]
    suite = filled(MetricSuite(4, ignore_class=255, metrics=names, per_class=scores.PER_CLASS), true, p)
    result = values(suite.result())
    singles = [MeanIoU, PixelAccuracy, MeanAccuracy, FrequencyWeightedIoU, Dice, Precision]
    singles += [BoundaryIoU, BoundaryFScore, TrimapIoU]
    for name, kind in zip(names, singles, strict=True):
        assert result[name] == float(filled(kind(4, ignore_class=255), true, p).result())
    assert set(result) == {*names, *(f"{score}_class_{c}" for score in scores.PER_CLASS for c in range(4))}
    assert result["iou_class_2"] == pytest.approx(scores.iou_per_class(suite.matrix)[2])


def test_suite_merging_and_resetting():
    names = ("mean_iou", "boundary_iou")
    batches = [case(seed, void=(255,)) for seed in range(4)]
    one = MetricSuite(4, ignore_class=255, metrics=names, keep_images=True)
    workers = [MetricSuite(4, ignore_class=255, metrics=names, keep_images=True) for _ in range(2)]
    for index, batch in enumerate(batches):
        one.update_state(*batch)
        workers[index // 2].update_state(*batch)
    workers[0].merge_state(workers[1:])
    assert values(workers[0].result()) == values(one.result())
    np.testing.assert_array_equal(workers[0].image_matrices, one.image_matrices)
    one.reset_state()
    assert one.image_matrices.shape == (0, 4, 4)
    assert all(np.isnan(value) for value in values(one.result()).values())
    with pytest.raises(InputError, match="`metrics` must hold metrics with .*keep_images=True"):
        one.merge_state([MetricSuite(4, ignore_class=255, metrics=names)])


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_permuting_pixels_and_splitting_batches(seed):
    true, p = case(seed, shape=(4, 2, 3), void=(255,))
    whole = values(filled(MetricSuite(4, ignore_class=255), true, p).result())
    order = np.random.default_rng(seed).permutation(true.size)
    shuffled = true.reshape(-1)[order].reshape(true.shape), p.reshape(-1, 4)[order].reshape(p.shape)
    np.testing.assert_equal(values(filled(MetricSuite(4, ignore_class=255), *shuffled).result()), whole)
    parts = filled(filled(MetricSuite(4, ignore_class=255), true[:2], p[:2]), true[2:], p[2:])
    np.testing.assert_equal(values(parts.result()), whole)


def test_matrices_of_images():
    true, p = case(4, shape=(3, 5, 7), void=(255,))
    suite = MetricSuite(4, ignore_class=255, keep_images=True)
    suite.update_state(true[:2], p[:2])
    suite.update_state(true[2:], p[2:])
    expected = [filled(ConfusionMatrix(4, ignore_class=255), true[i : i + 1], p[i : i + 1]).result() for i in range(3)]
    np.testing.assert_array_equal(suite.image_matrices, expected)
    np.testing.assert_array_equal(suite.matrix, np.sum(expected, axis=0))
    before = suite.image_matrices
    true[0, 0, 0] = 9
    with pytest.raises(InputError, match="`y_true` holds labels"):
        suite.update_state(true, p)
    np.testing.assert_array_equal(suite.image_matrices, before)
    with pytest.raises(InputError, match="`keep_images` must be True"):
        MetricSuite(4).image_matrices  # noqa: B018
    if keras.backend.backend() != "torch":
        state = [keras.ops.zeros(v.shape, v.dtype) for v in suite.variables]
        # Which error it becomes is up to the backend's tracing; the message stays.
        with pytest.raises(Exception, match="run_eagerly=True"):
            compiled(suite.stateless_update_state)(state, *map(keras.ops.convert_to_tensor, (true, p)))


def test_suite_in_a_compiled_model(tmp_path):
    true, _ = case(5, classes=3, shape=(8, 6, 5))
    images = np.random.default_rng(0).random((*true.shape, 3)).astype("float32")
    inputs = keras.Input((None, None, 3))
    net = keras.Model(inputs, keras.layers.Conv2D(3, 1, activation="softmax")(inputs))
    names = ("mean_iou", "mean_accuracy", "boundary_iou")
    net.compile("sgd", loss=Crossentropy(), metrics=[MetricSuite(3, class_names=["a", "b", "c"], metrics=names)])
    history = net.fit(images, true, batch_size=4, validation_data=(images, true), verbose=0).history
    keys = {*names, "iou_a", "iou_b", "iou_c"}
    assert set(history) == {"loss", "val_loss"} | keys | {f"val_{key}" for key in keys}
    logs = net.evaluate(images, true, batch_size=4, verbose=0, return_dict=True)
    alone = filled(MetricSuite(3, class_names=["a", "b", "c"], metrics=names), true, net.predict(images, verbose=0))
    assert {key: logs[key] for key in keys} == pytest.approx(values(alone.result()), rel=1e-6)
    net.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.evaluate(images, true, batch_size=4, verbose=0, return_dict=True) == pytest.approx(logs, rel=1e-6)


def test_nan_with_boundaries():
    true, p = case(6)
    p[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="`y_pred` holds NaN"):
        MetricSuite(4, metrics=["boundary_iou"]).update_state(true, p)
    suite = filled(MetricSuite(4, metrics=["boundary_iou"], out_of_range="count"), true, p)
    assert suite.out_of_range_pixels == 1


def with_fault(form, fault):
    """(void, truth, predictions with a fault where the truth is void, the same without, classes)."""
    true, p = case(6, classes=2 if form == "one channel" else 4)
    true[0, 0, 0] = 255
    clean = {"scores": p, "ids": p.argmax(-1).astype("int32"), "one channel": p[..., 1:]}[form]
    faulty = clean.copy()
    faulty[0, 0, 0] = fault
    return true, faulty, clean, p.shape[-1]


FAULTS = [("scores", np.nan), ("ids", -1), ("ids", 9), ("one channel", np.nan), ("one channel", 7.0)]


@pytest.mark.parametrize("metrics", [["mean_iou"], ["boundary_iou", "mean_iou"], ["boundary_f_score", "trimap_iou"]])
@pytest.mark.parametrize(("form", "fault"), FAULTS)
def test_predictions_on_void_are_not_looked_at(form, fault, metrics):
    true, faulty, clean, classes = with_fault(form, fault)
    suites = [
        filled(MetricSuite(classes, metrics=metrics, ignore_class=255), true, predicted)
        for predicted in (faulty, clean)
    ]
    np.testing.assert_equal(values(suites[0].result()), values(suites[1].result()))
    assert suites[0].ignored_pixels == 1 and suites[0].out_of_range_pixels == 0
    mask = np.ones(true.shape, "float32")
    mask[0, 0, 0], true[0, 0, 0] = 0, 1
    masked = filled(MetricSuite(classes, metrics=metrics), true, faulty, sample_weight=mask)
    np.testing.assert_equal(values(masked.result()), values(suites[1].result()))


@pytest.mark.parametrize("metrics", [["mean_iou"], ["boundary_iou", "mean_iou"]])
@pytest.mark.parametrize(("form", "fault"), FAULTS)
def test_the_error_names_the_predictions_as_they_were_given(form, fault, metrics):
    true, faulty, clean, classes = with_fault(form, fault)
    true[0, 0, 0] = 1
    said = (
        "holds NaN" if fault != fault else r"holds ids outside 0 to 3.*\[-?[19]\]" if form == "ids" else ".*7.0.*logits"
    )
    suite = MetricSuite(classes, metrics=metrics)
    with pytest.raises(InputError, match=f"`y_pred` {said}") as error:
        suite.update_state(true, faulty)
    assert "\n" not in str(error.value)
    # Nothing of the batch was counted, and the next one is read as usual.
    alone = filled(MetricSuite(classes, metrics=metrics), true, clean)
    np.testing.assert_equal(values(filled(suite, true, clean).result()), values(alone.result()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": ["mean_iuo"]}, "`metrics` is not a known option.*Did you mean 'mean_iou'"),
        ({"metrics": "mean_iou"}, "`metrics` must be a sequence of names"),
        ({"metrics": ["mean_iou", "mean_iou"]}, "`metrics` must not repeat"),
        ({"per_class": ["jaccard"]}, "`per_class` is not a known option"),
        ({"prefix": 1}, "`prefix` must be a string"),
        ({"keep_images": "yes"}, "`keep_images` must be True or False"),
        ({"num_classes": 1}, "`num_classes` must be an integer of at least 2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        MetricSuite(**{"num_classes": 3, **arguments})
