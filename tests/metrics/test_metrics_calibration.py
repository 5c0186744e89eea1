import json

import keras
import numpy as np
import pytest
import torchmetrics_numbers
from gradients import compiled
from metric_cases import filled

from keras_seg._validation import InputError
from keras_seg.metrics import ExpectedCalibrationError

VOID = torchmetrics_numbers.VOID


def slow(true, p, bins):
    """The formula of Guo et al., pixel by pixel."""
    keep = true != VOID
    confidence, right = p.max(-1)[keep].astype("float64"), (p.argmax(-1) == true)[keep]
    index = np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1)
    gaps = [abs(right[index == m].sum() - confidence[index == m].sum()) for m in range(bins)]
    return sum(gaps) / keep.sum()


@pytest.mark.parametrize("bins", [1, 15])
def test_equals_the_formula(bins):
    true, p = torchmetrics_numbers.batch()
    metric = filled(ExpectedCalibrationError(4, ignore_class=VOID, bins=bins), true, p)
    assert float(metric.result()) == pytest.approx(slow(true, p, bins), abs=0.5 / bins / 1024)
    logits = filled(ExpectedCalibrationError(4, ignore_class=VOID, bins=bins, from_logits=True), true, np.log(p) + 3)
    assert float(logits.result()) == pytest.approx(float(metric.result()), abs=1e-5)
    diagram = metric.diagram()
    some = diagram["pixels"] > 0
    gap = np.abs(diagram["accuracy"] - diagram["confidence"])[some]
    assert (gap * diagram["pixels"][some]).sum() / diagram["pixels"].sum() == pytest.approx(float(metric.result()))
    assert diagram["pixels"].sum() == (true != VOID).sum()


def test_equals_torchmetrics():
    true, p = torchmetrics_numbers.batch()
    metric = filled(ExpectedCalibrationError(4, ignore_class=VOID), true, p)
    expected = json.loads(torchmetrics_numbers.FILE.read_text())["calibration"]
    assert float(metric.result()) == pytest.approx(expected, abs=0.5 / 15 / 1024)


def test_sure_predictions_are_exact():
    true = np.array([[[0, 0, 1, 1]]])
    p = np.array([[[[1.0, 0.0]] * 4]], "float32")
    assert float(filled(ExpectedCalibrationError(2), true, p).result()) == 0.5
    right = filled(ExpectedCalibrationError(2), np.zeros((1, 1, 4), int), p)
    assert float(right.result()) == 0.0
    single = filled(ExpectedCalibrationError(2), true, p[..., 1:])
    assert float(single.result()) == 0.5
    assert np.isnan(float(ExpectedCalibrationError(2).result()))


def test_splitting_merging_and_compiling():
    true, p = torchmetrics_numbers.batch()
    whole = filled(ExpectedCalibrationError(4, ignore_class=VOID), true, p)
    first = filled(ExpectedCalibrationError(4, ignore_class=VOID), true[:1], p[:1])
    first.merge_state([filled(ExpectedCalibrationError(4, ignore_class=VOID), true[1:], p[1:])])
    np.testing.assert_array_equal(first._totals(), whole._totals())
    metric = ExpectedCalibrationError(4, ignore_class=VOID)

    def step(state, y_true, y_pred):
        return metric.stateless_result(metric.stateless_update_state(state, y_true, y_pred))

    state = [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]
    run = compiled(step)
    result = run(state, *map(keras.ops.convert_to_tensor, (true, p)))
    assert float(result) == pytest.approx(float(whole.result()), abs=1e-5)
    if keras.backend.backend() != "torch":
        # In a graph nothing can be raised: what is no probability makes the result NaN.
        assert np.isnan(float(run(state, *map(keras.ops.convert_to_tensor, (true, 2 * p)))))


def test_faults():
    true, p = torchmetrics_numbers.batch()
    metric = ExpectedCalibrationError(4, ignore_class=VOID)
    with pytest.raises(InputError, match="`y_pred` must hold probabilities from 0 to 1.*from_logits=True"):
        metric.update_state(true, np.log(p))
    with pytest.raises(InputError, match="`y_pred` must be probabilities .* class ids have no confidence"):
        metric.update_state(true, p.argmax(-1))
    with pytest.raises(InputError, match="`y_true` holds labels"):
        ExpectedCalibrationError(4).update_state(true, p)
    p[0, 0, 0] = np.nan
    true[0, 0, 0] = 0
    with pytest.raises(InputError, match="`y_pred` holds NaN"):
        metric.update_state(true, p)
    with pytest.raises(InputError, match="`bins` must be an integer"):
        ExpectedCalibrationError(4, bins=0)
    with pytest.raises(InputError, match="`metrics` must hold metrics with .*bins=15"):
        metric.merge_state([ExpectedCalibrationError(4, ignore_class=VOID, bins=10)])


def test_config_round_trip():
    metric = ExpectedCalibrationError(
        3, ignore_class=VOID, class_names=["a", "b", "c"], out_of_range="count", name="m", bins=7, from_logits=True
    )
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert again.get_config() == metric.get_config()
    assert (again.bins, again.from_logits) == (7, True)
