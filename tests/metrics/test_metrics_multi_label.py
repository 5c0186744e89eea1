import json

import keras
import numpy as np
import pytest
import sklearn.metrics
import torchmetrics_numbers
from gradients import compiled
from metric_cases import filled

from keras_seg._validation import InputError
from keras_seg.metrics import MultiLabelConfusion, MultiLabelScore

TORCHMETRICS = json.loads(torchmetrics_numbers.FILE.read_text())["labels"]
VOID = torchmetrics_numbers.VOID


@pytest.mark.parametrize("score", ["iou", "dice", "precision", "recall", "accuracy"])
def test_equals_torchmetrics(score):
    true, p = torchmetrics_numbers.labels()
    arguments = {"num_classes": 3, "score": score, "ignore_class": VOID, "threshold": 0.4}
    result = filled(MultiLabelScore(per_class=True, **arguments), true, p).result()
    assert list(result) == [f"multi_label_{score}_class_{c}" for c in range(3)]
    np.testing.assert_allclose([float(value) for value in result.values()], TORCHMETRICS[score], rtol=1e-5)
    mean = filled(MultiLabelScore(**arguments), true, p).result()
    assert float(mean) == pytest.approx(np.mean(TORCHMETRICS[score]), rel=1e-5)


def test_equals_scikit_learn_with_a_threshold_for_each():
    true, p = torchmetrics_numbers.labels()
    thresholds = (0.2, 0.5, 0.9)
    metric = filled(MultiLabelConfusion(3, ignore_class=VOID, threshold=thresholds), true, p)
    expected = [
        sklearn.metrics.confusion_matrix(t[t != VOID], q[t != VOID] > threshold, labels=[0, 1])
        for t, q, threshold in zip(
            np.moveaxis(true, -1, 0), np.moveaxis(p.astype("float64"), -1, 0), thresholds, strict=True
        )
    ]
    np.testing.assert_array_equal(metric.result(), expected)
    assert metric.ignored_pixels == (true == VOID).sum()
    logits = np.log(p / (1 - p))
    other = filled(MultiLabelConfusion(3, ignore_class=VOID, threshold=thresholds, from_logits=True), true, logits)
    np.testing.assert_array_equal(other.result(), metric.result())


def test_binary():
    true, p = torchmetrics_numbers.labels()
    true, p = true[..., :1], p[..., :1]
    for y_true in (true, true[..., 0], true.astype("float32"), true.astype("uint8")):
        metric = filled(MultiLabelScore(1, score="iou", ignore_class=VOID, threshold=0.4), y_true, p)
        assert metric.name == "binary_iou"
        assert float(metric.result()) == pytest.approx(TORCHMETRICS["iou"][0], rel=1e-5)
    whole = np.array([[[True, False, True]]])
    for dtype in ("bool", "uint8", "int32", "int64"):
        found = filled(MultiLabelConfusion(1), whole, whole[..., None].astype(dtype)).result()
        assert found.tolist() == [[[1, 0], [0, 2]]]
    with pytest.raises(InputError, match=r"`y_pred` must hold probabilities from 0 to 1.*255"):
        MultiLabelConfusion(1).update_state(whole, whole[..., None] * np.uint8(255))


def test_masks_merging_and_empty_classes():
    true, p = torchmetrics_numbers.labels()
    mask = np.random.default_rng(0).random(true.shape[:3]) > 0.5
    kept = filled(MultiLabelConfusion(3, ignore_class=VOID), true, p, sample_weight=mask)
    rest = filled(MultiLabelConfusion(3, ignore_class=VOID), true, p, sample_weight=~mask)
    kept.merge_state([rest])
    np.testing.assert_array_equal(kept.matrices, filled(MultiLabelConfusion(3, ignore_class=VOID), true, p).matrices)
    with pytest.raises(InputError, match="`metrics` must hold metrics with .*threshold="):
        kept.merge_state([MultiLabelConfusion(3, ignore_class=VOID, threshold=0.4)])
    none = filled(MultiLabelScore(2), np.zeros((1, 1, 2, 2), int), np.array([[[[0.1, 0.9], [0.2, 0.1]]]]))
    assert float(none.result()) == 0.0  # Of the second class; the first has no score.
    assert np.isnan(float(MultiLabelScore(2).result()))


def test_compiled_equals_eager():
    true, p = torchmetrics_numbers.labels()
    metric = MultiLabelScore(3, ignore_class=VOID, threshold=0.4)

    def step(state, y_true, y_pred):
        return metric.stateless_result(metric.stateless_update_state(state, y_true, y_pred))

    state = [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]
    run = compiled(step)
    result = run(state, *map(keras.ops.convert_to_tensor, (true, p)))
    assert float(result) == pytest.approx(np.mean(TORCHMETRICS["iou"]), rel=1e-5)
    if keras.backend.backend() != "torch":
        p[0, 0, 0, 0] = np.nan
        assert np.isnan(float(run(state, *map(keras.ops.convert_to_tensor, (true, p)))))


def test_faults():
    true, p = torchmetrics_numbers.labels()
    metric = MultiLabelScore(3)
    with pytest.raises(InputError, match=r"`y_true` holds labels that are neither 0 or 1 nor ignored.*\[255\]"):
        metric.update_state(true, p)
    counting = filled(MultiLabelConfusion(3, out_of_range="count"), true, p)
    assert counting.out_of_range_pixels == (true == VOID).sum()
    true[true == VOID] = 0
    with pytest.raises(InputError, match="`y_pred` must hold probabilities from 0 to 1.*from_logits=True"):
        metric.update_state(true, p * 2)
    with pytest.raises(InputError, match="`y_true` holds labels.*fraction"):
        metric.update_state(true * 0.5, p)
    with pytest.raises(InputError, match="`y_true` holds labels.*fraction"):
        MultiLabelScore(3, ignore_class=-1).update_state(true - 1.5, p)
    with pytest.raises(InputError, match="`sample_weight` must be a mask"):
        metric.update_state(true, p, sample_weight=np.full(true.shape[:3], 0.5))
    p[0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="`y_pred` holds NaN"):
        metric.update_state(true, p)
    with pytest.raises(InputError, match="`y_pred` must be .*the last dimension being num_classes"):
        metric.update_state(true, p[..., :2])
    with pytest.raises(InputError, match="`y_true` must be .*0 or 1 for each class"):
        metric.update_state(true[..., 0], p)
    assert np.isnan(float(metric.result()))


def test_config_round_trip():
    metric = MultiLabelScore(
        2,
        score="recall",
        ignore_class=(-1, 255),
        class_names=["a", "b"],
        out_of_range="count",
        name="m",
        threshold=(0.2, 0.7),
        from_logits=True,
        per_class=True,
    )
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert again.get_config() == metric.get_config()
    assert (again.score, again.threshold, again.from_logits, again.per_class) == ("recall", (0.2, 0.7), True, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "`num_classes` must be an integer of at least 1"),
        ({"score": "f1"}, "`score` is not a known option"),
        ({"ignore_class": 1}, "`ignore_class` must hold labels other than 0 and 1"),
        ({"threshold": (0.5, 0.5)}, "`threshold` must be a number or hold 3"),
        ({"threshold": (0.5, 0.5, 1)}, "`threshold` must lie between 0 and 1"),
        ({"from_logits": None}, "`from_logits` must be True or False"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        MultiLabelScore(**{"num_classes": 3, **arguments})
