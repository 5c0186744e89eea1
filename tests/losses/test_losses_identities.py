"""Goldens of the papers and authors' code, and what must be equal to what."""

import keras
import numpy as np
import pytest
import slow_losses as slow
from gradients import gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from keras_seg import losses
from keras_seg.losses.lovasz_extension import jaccard_steps

CLASSES = 4


def case(seed=0, shape=(2, 3, 5), void=False):
    random = np.random.default_rng(seed)
    p = slow.softmax(random.normal(size=(*shape, CLASSES))).astype("float32")
    ids = random.integers(0, CLASSES, shape)
    if void:
        ids[random.random(shape) < 0.2] = 255
    return ids, p


def value(loss, *arguments):
    return float(loss(*(arguments or case())))


def test_lovasz_goldens():
    p = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0.6, 0.3, 0.1]]
    p, ids = np.array([[p]], "float32"), np.array([[[0, 1, 0, 1, 1]]])
    assert value(losses.LovaszSoftmax(), ids, p) == pytest.approx(0.566667, abs=1e-6)
    assert value(losses.LovaszSoftmax(absent="count"), ids, p) == pytest.approx(0.577778, abs=1e-6)
    # The two present have (1.133333 + 1) / 3 with an absent one of loss 1.
    assert value(losses.LovaszSoftmax(absent="zero"), ids, p) == pytest.approx(2.133333 / 3, abs=1e-6)
    logits = np.array([2, -1, 0.5, -2], "float32").reshape(1, 1, 4, 1)
    labels = np.array([[[1, 1, 0, 0]]])
    assert value(losses.LovaszHinge(from_logits=True), labels, logits) == pytest.approx(1.25)
    assert value(losses.LovaszHinge(), labels, slow.sigmoid(logits)) == pytest.approx(1.25, rel=1e-5)


@pytest.mark.parametrize("per_image", [False, True])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_lovasz_of_hard_predictions_is_one_minus_iou(per_image, seed):
    random = np.random.default_rng(seed)
    ids, predicted = random.integers(0, CLASSES, (2, 2, 3, 5))
    ids[random.random(ids.shape) < 0.2] = 255
    loss = losses.LovaszSoftmax(ignore_class=255, per_image=per_image)
    parts = [(ids[i], predicted[i]) for i in range(2)] if per_image else [(ids, predicted)]
    wanted = []
    for true, guess in parts:
        valid = true != 255
        if valid.any():
            present = np.unique(true[valid])
            wanted.append(1 - jaccard_score(true[valid], guess[valid], labels=present, average="macro"))
    np.testing.assert_allclose(
        value(loss, ids, np.eye(CLASSES, dtype="float32")[predicted]), np.mean(wanted), atol=1e-6
    )


def test_lovasz_steps_of_many_pixels():
    """At 2^19 pixels differences of neighboring Jaccard indices in float32 are wrong by percents; ours are not."""
    random = np.random.default_rng(0)
    truth = (random.random(2**19) < 0.3).astype("float32")
    tensor = keras.ops.convert_to_tensor(truth)
    ours = keras.ops.convert_to_numpy(jaccard_steps(tensor, keras.ops.ones_like(tensor)))
    total = truth.sum(dtype="float64")
    jaccard = 1 - (total - np.cumsum(truth, dtype="float64")) / (total + np.cumsum(1 - truth, dtype="float64"))
    np.testing.assert_allclose(ours, np.diff(jaccard, prepend=0), rtol=1e-5, atol=1e-13)


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("void", [False, True])
def test_overlap_identities(per_image, void):
    batch = case(1, void=void)
    shared = {"per_image": per_image, "ignore_class": 255 if void else None}
    dice, iou = losses.SoftDice(**shared), losses.SoftIoU(**shared)
    assert value(losses.Tversky(alpha=0.5, beta=0.5, **shared), *batch) == pytest.approx(value(dice, *batch), rel=1e-6)
    assert value(losses.Tversky(alpha=1.0, beta=1.0, **shared), *batch) == pytest.approx(value(iou, *batch), rel=1e-6)
    # D = 2 J / (1 + J), class by class.
    for c in range(CLASSES):
        one = tuple(float(c == index) for index in range(CLASSES))
        single = {**shared, "per_image": False, "class_weights": one}
        j = 1 - value(losses.SoftIoU(**single), *batch)
        assert 1 - value(losses.SoftDice(**single), *batch) == pytest.approx(2 * j / (1 + j), rel=1e-6)
    # Equal weights of one class are plain Dice.
    labels, p = (batch[0] == 0).astype(int), batch[1][..., :1]
    single = {"per_image": per_image}
    plain = value(losses.SoftDice(**single), labels, p)
    assert value(losses.GeneralizedDice(**single), labels, p) == pytest.approx(plain, rel=1e-6)


def test_cross_entropy_identities():
    batch = case(2, void=True)
    weights = (1.0, 2.0, 0.5, 3.0)
    plain = value(losses.Crossentropy(ignore_class=255, class_weights=weights), *batch)
    for loss in (
        losses.FocalCrossentropy(gamma=0, ignore_class=255, class_weights=weights),
        losses.OHEMCrossentropy(fraction=1.0, ignore_class=255, class_weights=weights),
        losses.OHEMCrossentropy(fraction=0.1, threshold=1.0, ignore_class=255, class_weights=weights),
    ):
        assert value(loss, *batch) == pytest.approx(plain, rel=1e-6)


def test_binary_is_two_classes():
    """A sigmoid of z is a softmax of (0, z)."""
    random = np.random.default_rng(3)
    z, labels = random.normal(size=(2, 3, 5, 1)).astype("float32"), random.integers(0, 2, (2, 3, 5))
    two = np.concatenate([0 * z, z], -1)
    for loss in (losses.Crossentropy, losses.FocalCrossentropy):
        arguments = {"from_logits": True, "class_weights": (0.3, 1.7)}
        assert value(loss(**arguments), labels, z) == pytest.approx(value(loss(**arguments), labels, two), rel=1e-5)
    for loss in (losses.SoftIoU, losses.SoftDice, losses.Tversky, losses.LovaszSoftmax):
        one = value(loss(from_logits=True), labels, z)
        assert one == pytest.approx(value(loss(from_logits=True, class_weights=(0, 1)), labels, two), rel=1e-5)


def test_ties_share_the_last_places():
    """Four equal pixels of which two are kept: the same value and gradient as the mean of all."""
    labels, p = np.zeros((1, 2, 2), int), np.full((1, 2, 2, 2), 0.5, "float32")
    half = losses.OHEMCrossentropy(fraction=0.5, reduction="none")
    np.testing.assert_allclose(np.asarray(half(labels, p)), np.full((1, 2, 2), np.log(2) / 2), rtol=1e-6)
    loss = losses.OHEMCrossentropy(fraction=0.5)
    slopes = gradient(lambda x: loss(labels, x), p)
    np.testing.assert_allclose(slopes, gradient(lambda x: losses.Crossentropy()(labels, x), p), rtol=1e-6)


def test_hard_pixels_of_each_image():
    ids, p = case(4, void=True)
    loss = losses.OHEMCrossentropy(fraction=0.4, ignore_class=255, reduction="none", per_image=True)
    alone = losses.OHEMCrossentropy(fraction=0.4, ignore_class=255, reduction="none")
    together = np.asarray(loss(ids, p))
    for i in range(2):
        np.testing.assert_allclose(together[i], np.asarray(alone(ids[i : i + 1], p[i : i + 1]))[0], rtol=1e-6)
        valid = (ids[i] != 255).sum()
        assert (together[i] > 0).sum() == np.ceil(0.4 * valid)


def test_sample_weights_of_hard_pixels():
    """They weigh what is kept and do not choose."""
    # -log p: log 2, log 4, log 8, log 16; the two hardest are kept.
    p = np.array([[0.5, 0.5], [0.25, 0.75], [0.125, 0.875], [0.0625, 0.9375]], "float32").reshape(1, 1, 4, 2)
    labels, weight = np.zeros((1, 1, 4), int), np.array([[[9.0, 9.0, 2.0, 1.0]]])
    log = np.log(2)
    arguments = {"fraction": 0.5}
    mean = losses.OHEMCrossentropy(**arguments)(labels, p, sample_weight=weight)
    assert float(mean) == pytest.approx((2 * 3 * log + 4 * log) / 2, rel=1e-6)
    by_weight = losses.OHEMCrossentropy(reduction="mean_with_sample_weight", **arguments)
    assert float(by_weight(labels, p, sample_weight=weight)) == pytest.approx(10 * log / 3, rel=1e-6)
    total = losses.OHEMCrossentropy(reduction="sum", **arguments)(labels, p, sample_weight=weight)
    assert float(total) == pytest.approx(10 * log, rel=1e-6)


def test_a_perfect_prediction_of_focal_tversky():
    """1 - TI = 0, where (1 - TI)^0.75 has no slope: the loss is 0 and its gradient finite."""
    ids, _ = case(5)
    loss, perfect = losses.Tversky(exponent=0.75), np.eye(CLASSES, dtype="float32")[ids]
    assert value(loss, ids, perfect) == 0
    assert np.all(np.isfinite(gradient(lambda x: loss(ids, x), perfect)))


def test_generalized_dice_is_the_same_for_small_and_large_images():
    """Sizes of 1 and of 10^6 pixels: the weights 1 / T^2 neither overflow nor underflow."""
    ids = np.zeros((1, 2000, 500), int)
    ids[0, 0, 0] = 1
    p = np.full((*ids.shape, 2), 0.5, "float32")
    # v = 1 / T^2: I = T / 2, P = N / 2: 1 - 2 (0.5 / T0 + 0.5 / 1) / ((N / 2 + T0) / T0^2 + (N / 2 + 1) / 1)
    large, n = float(ids.size - 1), float(ids.size)
    wanted = 1 - 2 * (0.5 / large + 0.5) / ((n / 2 + large) / large**2 + n / 2 + 1)
    assert value(losses.GeneralizedDice(), ids, p) == pytest.approx(wanted, rel=1e-6)
