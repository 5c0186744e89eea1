"""Soft counts of many pixels, as exact as float32 allows."""

import keras
import numpy as np
import pytest
from gradients import compiled, gradient

from keras_seg.losses import SoftDice

SHAPE, CLASSES = (2, 512, 768), 3


@pytest.fixture(scope="module")
def maps():
    """Labels and logits of three quarters of a million pixels."""
    random = np.random.default_rng(0)
    return random.integers(0, CLASSES, SHAPE), random.normal(size=(*SHAPE, CLASSES)).astype("float32") * 3


def in_float64(ids, logits):
    """1 - Dice and its gradient, by their definitions."""
    p = np.exp(logits.astype("float64"))
    p /= p.sum(-1, keepdims=True)
    t = np.eye(CLASSES)[ids]
    axes = (0, 1, 2)
    intersection, total = (p * t).sum(axes), p.sum(axes) + t.sum(axes)
    of_p = -(2 * t * total - 2 * intersection) / total**2 / CLASSES
    return 1 - np.mean(2 * intersection / total), p * (of_p - (p * of_p).sum(-1, keepdims=True))


@pytest.mark.parametrize("prepare", [lambda function: function, compiled], ids=["eager", "compiled"])
def test_dice_of_many_pixels(maps, prepare):
    """A sum over all pixels in one go is off by 1e-5 in float32 on some backends, and the gradient by 5e-4."""
    ids, logits = maps
    dice = SoftDice(from_logits=True)
    loss = prepare(lambda x: dice(ids, x))
    wanted, slope = in_float64(ids, logits)
    assert abs(float(loss(keras.ops.convert_to_tensor(logits))) - wanted) < 2e-7
    found = gradient(loss, logits)
    assert np.abs(found - slope).max() < 5e-6 * np.abs(slope).max()
