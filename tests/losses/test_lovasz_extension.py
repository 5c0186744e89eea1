"""The Lovasz extension from a histogram of errors, beside sorted pixels in float64."""

import gradients
import keras
import numpy as np
import pytest
from keras import ops

from keras_seg import losses
from keras_seg.losses import lovasz_extension
from keras_seg.losses.lovasz_extension import binned_steps, extension

ROWS, PIXELS = 3, 20_000
RNG = np.random.default_rng(0)


def slow(errors, truth, weights):
    """`sum_i errors_i step_i` of each row, by the published differences of Jaccard indices in float64."""
    found = []
    for row in range(len(errors)):
        order = np.argsort(-errors[row], kind="stable")
        true, false = ((weights * mask)[row][order].astype("float64") for mask in (truth, 1 - truth))
        union = true.sum() + false.cumsum()
        jaccard = np.divide(true.sum() - true.cumsum(), union, out=np.ones_like(union), where=union > 0)
        found.append((errors[row][order] * np.diff(np.concatenate([[0], 1 - jaccard]))).sum())
    return np.array(found)


def given(errors, share=0.2, void=0.1):
    truth = (RNG.uniform(size=(ROWS, PIXELS)) < share).astype("float32")
    weights = (RNG.uniform(size=(ROWS, PIXELS)) >= void).astype("float32")
    return np.clip(errors, 0, None).astype("float32") * np.ones((ROWS, PIXELS), "float32"), truth, weights


def noise(scale=1.0, around=0.0):
    return around + scale * RNG.uniform(size=(ROWS, PIXELS))


def weighted():
    errors, truth, weights = given(noise())
    return errors, truth, weights * RNG.uniform(0.1, 3, size=weights.shape).astype("float32")


def one_row_without_truth():
    errors, truth, weights = given(noise())
    truth[1] = 0
    return errors, truth, weights


# (errors, truth, weights), and whether the bound allows the histogram.
CASES = {
    "uniform": (given(noise()), True),
    "trained": (given(noise() ** 8), True),
    "untrained": (given(noise(1e-3, around=0.5)), False),
    "equal errors": (given(0.25), None),
    "all wrong": (given(1.0), None),
    "all right": (given(0.0), True),
    "rare class, near errors": (given(noise(1e-5, around=0.7), share=3e-4), False),
    "weighted": (weighted(), True),
    "no true pixel": (one_row_without_truth(), True),
    "all void": (given(noise(), void=1.0), True),
    "errors above 1": (given(noise(4.0)), False),
}


@pytest.mark.parametrize("case", CASES)
def test_extension_is_that_of_sorted_pixels(case):
    arrays, binned = CASES[case]
    tensors = [ops.convert_to_tensor(x) for x in arrays]
    _, bound = binned_steps(*tensors, 2**13)
    assert binned is None or (float(bound) <= 1e-6) == binned
    found = ops.convert_to_numpy(extension(*tensors))
    # The bound holds for the mean; sums of 20,000 numbers in float32 are rounded.
    np.testing.assert_allclose(found.mean(), slow(*arrays).mean(), rtol=1e-6, atol=1.2e-6)
    np.testing.assert_allclose(found, slow(*arrays), rtol=3e-6, atol=5e-6)


@pytest.mark.parametrize("bins", [16, 128, 2**13])
@pytest.mark.parametrize("case", [name for name in CASES if name != "no true pixel"])
def test_bound_holds_with_few_bins(case, bins):
    arrays, _ = CASES[case]
    steps, bound = (ops.convert_to_numpy(x) for x in binned_steps(*map(ops.convert_to_tensor, arrays), bins))
    found = (arrays[0] * steps.astype("float64")).sum(axis=-1)
    assert abs(found - slow(*arrays)).mean() <= bound + 1e-6


def test_bound_is_reached_within_a_factor():
    """True and false pixels apart within one bin: the bound is not far above what is off."""
    errors = np.where(np.arange(PIXELS) % 2, 0.5001, 0.5004).astype("float32")[None]
    truth = (np.arange(PIXELS) % 2).astype("float32")[None]
    arrays = (errors, truth, np.ones_like(errors))
    steps, bound = (ops.convert_to_numpy(x) for x in binned_steps(*map(ops.convert_to_tensor, arrays), 128))
    off = abs((errors * steps).sum() - slow(*arrays)[0])
    assert 0.01 * bound < off <= bound


def test_steps_of_a_row_sum_to_one():
    errors, truth, weights = CASES["weighted"][0]
    steps, _ = binned_steps(*map(ops.convert_to_tensor, (errors, truth, weights)), 256)
    np.testing.assert_allclose(ops.convert_to_numpy(steps).sum(axis=-1), 1, rtol=1e-5)


def loss_and_gradient(per_image):
    labels = np.random.default_rng(1).integers(0, 4, (2, 144, 144))
    labels[:, :9] = 255
    logits = np.random.default_rng(2).normal(size=(2, 144, 144, 4)).astype("float32")
    logits += 2 * np.eye(4, dtype="float32")[np.where(labels < 4, labels, 0)]
    loss = losses.LovaszSoftmax(from_logits=True, ignore_class=255, per_image=per_image)
    return float(loss(labels, logits)), gradients.gradient(lambda x: loss(labels, x), logits)


@pytest.mark.parametrize("per_image", [False, True])
def test_gradient_is_that_of_sorted_pixels(per_image, monkeypatch):
    value, gradient = loss_and_gradient(per_image)
    monkeypatch.setattr(lovasz_extension, "_FEW_PIXELS", 10**9)
    expected_value, expected = loss_and_gradient(per_image)
    np.testing.assert_allclose(value, expected_value, atol=1e-6)
    assert np.abs(gradient - expected).sum() < 2e-3 * np.abs(expected).sum()
    assert not np.array_equal(gradient, expected)


def test_not_a_number_is_not_hidden():
    errors, truth, weights = (x.copy() for x in CASES["uniform"][0])
    errors[1, 7], weights[1, 7] = np.nan, 1
    found = ops.convert_to_numpy(extension(*map(ops.convert_to_tensor, (errors, truth, weights))))
    assert np.isnan(found[1])


@pytest.mark.tensorflow_only
def test_sizes_known_only_at_run_time():
    import tensorflow as tf

    loss = losses.LovaszSoftmax(ignore_class=255)
    graph = tf.function(
        loss, input_signature=[tf.TensorSpec((None, None, None), "int32"), tf.TensorSpec((None, None, None, 3))]
    )
    for size in (8, 160):
        labels = RNG.integers(0, 3, (2, size, size)).astype("int32")
        p = keras.ops.softmax(RNG.normal(size=(2, size, size, 3)).astype("float32"))
        np.testing.assert_allclose(graph(labels, p), loss(labels, p), atol=1e-6)
