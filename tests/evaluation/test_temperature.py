"""Temperature scaling against SciPy's minimizer and the package's own calibration metric."""

import numpy as np
import pytest
from scipy import optimize, special

from keras_seg import _validation, metrics
from keras_seg.evaluation import fit_temperature

pytestmark = pytest.mark.tensorflow_only


def pixels(scale, *, count=4000, classes=4, seed=0):
    """Logits of a model whose true temperature is `scale`: the labels are drawn from its own probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (count, classes))
    labels = np.array([random.choice(classes, p=p) for p in special.softmax(logits, axis=1)])
    return logits * scale, labels


def nll(temperature, logits, labels):
    return -special.log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0, 9.0])
def test_the_temperature_of_the_lowest_loss(scale):
    logits, labels = pixels(scale)
    found = fit_temperature(logits, labels)
    best = optimize.minimize_scalar(
        nll, bounds=(0.05, 20), args=(logits, labels), method="bounded", options={"xatol": 1e-9}
    )
    assert found.temperature == pytest.approx(best.x, rel=1e-4)
    assert found.nll == pytest.approx(nll(1, logits, labels))
    assert found.scaled_nll == pytest.approx(best.fun)
    assert found.temperature == pytest.approx(scale, rel=0.1)


def test_the_calibration_error_is_that_of_the_metric():
    logits, labels = pixels(3.0)
    found = fit_temperature(logits, labels)
    for factor, error in ((1, found.error), (found.temperature, found.scaled_error)):
        metric = metrics.ExpectedCalibrationError(num_classes=4)
        probabilities = special.softmax(logits / factor, axis=1).astype("float32")
        metric.update_state(labels[None, None], probabilities[None, None])
        assert error == pytest.approx(float(metric.result()), abs=1e-4)
    assert found.scaled_error < 0.3 * found.error
    assert found.diagram[:, 2].sum() == found.pixels == 4000


def test_a_model_that_is_always_right_gets_the_lowest_temperature():
    logits = np.eye(3)[[0, 1, 2, 0]] * 4
    assert fit_temperature(logits, np.array([0, 1, 2, 0])).temperature == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(logits, np.array([1, 2, 0, 1])).temperature == pytest.approx(20, rel=1e-3)


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        (np.zeros((3,)), np.zeros(3, int), "`logits` must be finite numbers"),
        (np.full((3, 2), -np.inf), np.zeros(3, int), "`logits` must be finite numbers"),
        (np.zeros((3, 2)), np.zeros(2, int), "`y_true` must hold an integer class per pixel"),
        (np.zeros((3, 2)), np.zeros(3), "`y_true` must hold an integer class per pixel"),
        (np.zeros((3, 2)), np.array([0, 1, 255]), r"`y_true` must hold classes in 0..1"),
    ],
)
def test_wrong_calls(logits, labels, words):
    with pytest.raises(_validation.InputError, match=words):
        fit_temperature(logits, labels)
