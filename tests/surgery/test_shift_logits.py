import keras
import numpy as np
import pytest
from keras import ops

import keras_seg as ks
from keras_seg.surgery.shift_logits import shift_logits

OFFSETS = np.array([0.7, -1.3, 0.2])
IMAGE = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


def predicted(model):
    return ops.convert_to_numpy(model(IMAGE, training=False)).astype("float64")


@pytest.mark.parametrize(
    "build",
    [
        lambda **o: ks.models.UNet(filters=4, depth=2, **o),
        lambda **o: ks.models.UNet(filters=4, depth=3, decoder_stride=4, **o),
        lambda **o: ks.models.UNet(backbone="Compact", decoder_stride=2, **o),
        lambda **o: ks.models.FPN(backbone="Compact", **o),
        lambda **o: ks.models.LinkNet(backbone="Compact", **o),
    ],
)
@pytest.mark.parametrize("activation", ["softmax", None])
def test_adds_constants_to_the_logits(build, activation):
    model = build(num_classes=3, activation=activation)
    before = predicted(model)
    assert shift_logits(model, OFFSETS)
    after = predicted(model)
    if activation is None:
        expected = before + OFFSETS
    else:
        expected = before * np.exp(OFFSETS)
        expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(after, expected, atol=1e-4 if activation is None else 1e-5)


def test_one_channel():
    model = ks.models.UNet(num_classes=1, filters=4, depth=2, activation="sigmoid")
    before = predicted(model)
    assert shift_logits(model, [0.9])
    odds = before / (1 - before) * np.exp(0.9)
    np.testing.assert_allclose(predicted(model), odds / (1 + odds), atol=1e-5)


def test_a_sum_of_scores_is_shifted_once():
    inputs = keras.Input((None, None, 3))
    scores = [keras.layers.Conv2D(3, 1)(inputs) for _ in range(2)]
    model = keras.Model(inputs, keras.layers.UpSampling2D(2)(keras.layers.Add()(scores)))
    before = predicted(model)
    assert shift_logits(model, OFFSETS)
    np.testing.assert_allclose(predicted(model), before + OFFSETS, rtol=1e-4, atol=1e-3)


class Halved(keras.layers.Conv2D):
    def call(self, inputs):
        return super().call(inputs) / 2


class Doubled(keras.layers.Dropout):
    def call(self, inputs, training=None):
        return 2 * inputs


@pytest.mark.parametrize(
    "head",
    [
        lambda x: Halved(3, 1)(x),
        lambda x: Doubled(0.5)(keras.layers.Conv2D(3, 1)(x)),
        lambda x: keras.layers.Conv2D(3, 1, use_bias=False)(x),
        lambda x: keras.layers.ReLU()(keras.layers.Conv2D(3, 1)(x)),
        lambda x: keras.layers.Conv2D(3, 1, activation="relu")(keras.layers.Conv2D(3, 1)(x)),
        lambda x: keras.layers.Softmax()(keras.layers.ReLU()(keras.layers.Conv2D(3, 1)(x))),
        lambda x: keras.layers.UpSampling2D()(keras.layers.Softmax()(keras.layers.Conv2D(3, 1)(x))),
        lambda x: ks.layers.PixelShuffle2D(2)(keras.layers.Conv2D(12, 1)(x)),
        lambda x: keras.layers.Conv2D(4, 1)(x),
    ],
)
def test_what_cannot_be_shifted_stays(head):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, head(inputs))
    before = predicted(model)
    assert not shift_logits(model, OFFSETS)
    np.testing.assert_array_equal(predicted(model), before)
