"""mc_dropout: what is random and what is not, against NumPy over the same samples."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg import _validation
from keras_seg.inference.mc_dropout import _Sampler


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


IMAGES = noise(2, 12, 9, 3)


@pytest.fixture(scope="module")
def model():
    """Moving statistics unlike those of any batch, so that it shows which are used."""
    image = keras.Input((None, None, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 128)(image)))
    x = layers.Conv2D(3, 3, padding="same", activation="softmax")(layers.Dropout(0.5)(x))
    net = keras.Model(image, x)
    rng = np.random.default_rng(0)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in layer.get_weights()])
    return net


def test_mean_and_variance_are_those_of_the_samples(model):
    sampler = _Sampler(model)
    with sampler.seeded(7):
        drawn = np.stack([sampler.predict_on_batch(IMAGES) for _ in range(6)]).astype("float64")
    assert drawn.std(axis=0).max() > 1e-3
    mean, variance = ks.inference.mc_dropout(model, IMAGES, samples=6, seed=7, batch_size=2)
    np.testing.assert_allclose(mean, drawn.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, drawn.var(axis=0), rtol=1e-5, atol=1e-9)
    assert mean.shape == variance.shape == (2, 12, 9, 3)
    np.testing.assert_allclose(mean.sum(-1), 1, rtol=1e-5)


def test_the_seed_decides_and_nothing_is_left_behind(model):
    plain = model.predict(IMAGES, verbose=0)
    before = [keras.ops.convert_to_numpy(v) for v in model.variables]
    mean, _ = ks.inference.mc_dropout(model, IMAGES, samples=2, seed=3)
    again, _ = ks.inference.mc_dropout(model, IMAGES, samples=2, seed=3)
    other, _ = ks.inference.mc_dropout(model, IMAGES, samples=2, seed=4)
    np.testing.assert_array_equal(mean, again)
    assert np.abs(mean - other).max() > 1e-3
    for variable, value in zip(model.variables, before, strict=True):  # Moving statistics and seeds among them.
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), plain)


def without_dropping(model):
    """The same net with rates so low that nothing is dropped: what mc_dropout must come down to."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "Dropout":
            layer["config"]["rate"] = 1e-9
    net = keras.Model.from_config(config)
    net.set_weights([w for w, v in zip(model.get_weights(), model.weights, strict=True) if "seed" not in v.path])
    return net


def test_without_dropping_it_is_inference(model):
    """Also the proof that BatchNormalization is in inference mode: with a batch's statistics it would differ."""
    net = without_dropping(model)
    mean, variance = ks.inference.mc_dropout(net, IMAGES, samples=3)
    np.testing.assert_array_equal(variance, 0)
    np.testing.assert_allclose(mean, model.predict(IMAGES, verbose=0), rtol=1e-5, atol=1e-6)
    trained = keras.ops.convert_to_numpy(net(IMAGES, training=True))
    assert np.abs(trained - mean).max() > 1e-2


def test_dropout_of_a_linear_model_by_hand():
    """2 units of value 1 and weight 1/2, each kept with probability 1/2 and then doubled: 0, 1, 2 at 1/4, 1/2, 1/4.

    Mean 1, variance 1/2; of 4000 samples the mean is off by 4 * sqrt(0.5 / 4000) = 0.045 once in 15,000 times.
    """
    image = keras.Input((1, 1, 2))
    x = layers.Dropout(0.5)(image)
    x = layers.Conv2D(1, 1, kernel_initializer=keras.initializers.Constant(0.5), name="sum")(x)
    net = keras.Model(image, x)
    mean, variance = ks.inference.mc_dropout(net, np.ones((4000, 1, 1, 2)), samples=2, batch_size=4000)
    assert abs(mean.mean() - 1) < 0.045 / np.sqrt(2)
    assert abs(variance.mean() - 0.25) < 0.03  # Over T samples the variance is (T - 1) / T of the true one.
    assert set(np.unique(mean.round(4))) == {0, 0.5, 1, 1.5, 2}


def test_nested_models_and_other_kinds_of_dropout():
    inner = keras.Sequential([keras.Input((None, None, 4)), layers.SpatialDropout2D(0.5), layers.BatchNormalization()])
    image = keras.Input((None, None, 3))
    net = keras.Model(image, inner(layers.Conv2D(4, 1)(image)))
    _, variance = ks.inference.mc_dropout(net, IMAGES, samples=4)
    assert (variance.max(axis=(1, 2)) > 0).any()
    # Whole channels are dropped, and the mean of the pixels that are kept is the same: a channel's pixels go together.
    assert keras.ops.convert_to_numpy(inner.layers[-1].moving_mean).tolist() == [0, 0, 0, 0]


class Block(layers.Layer):
    """Such as users write them: normalization and dropout in one."""

    def __init__(self, rate):
        super().__init__()
        self.normalize, self.drop = layers.BatchNormalization(), layers.Dropout(rate)

    def build(self, input_shape):
        self.normalize.build(input_shape)

    def call(self, inputs, training=False):
        return self.drop(self.normalize(inputs, training=training), training=training)


def test_dropout_inside_of_other_layers():
    image = keras.Input((12, 9, 3))
    block, attention = Block(0.5), layers.MultiHeadAttention(1, 4, dropout=0.5)
    tokens = layers.Reshape((108, 4))(layers.Conv2D(4, 1)(layers.Rescaling(1 / 128)(image)))
    attended = layers.Reshape((12, 9, 4))(attention(tokens, tokens))
    for net in (keras.Model(image, block(layers.Rescaling(1 / 128)(image))), keras.Model(image, attended)):
        plain = net.predict(IMAGES, verbose=0)
        mean, variance = ks.inference.mc_dropout(net, IMAGES, samples=4)
        assert variance.max() > 1e-6
        again, _ = ks.inference.mc_dropout(net, IMAGES, samples=4)
        np.testing.assert_array_equal(mean, again)
        np.testing.assert_array_equal(net.predict(IMAGES, verbose=0), plain)
    assert keras.ops.convert_to_numpy(block.normalize.moving_mean).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"samples": 1}, "`samples` must be an integer of at least 2"),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
        ({"seed": 0.5}, "`seed` must be an integer"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1"),
        ({"images": IMAGES[0]}, "`images` must be an array"),
        ({"images": IMAGES[:0]}, "`images` must be an array"),
        ({"images": IMAGES[..., :2]}, "`images` must have the 3 channels that the model takes"),
    ],
)
def test_bad_arguments(kwargs, message, model):
    with pytest.raises(_validation.InputError, match=message) as caught:
        ks.inference.mc_dropout(**{"model": model, "images": IMAGES, **kwargs})
    assert "\n" not in str(caught.value)


def test_a_model_without_dropout():
    net = ks.models.SegNetBasic(num_classes=3, filters=4, depth=1)
    # A transformer without dropout holds layers of a rate of 0.
    idle = keras.Sequential([keras.Input((None, None, 3)), Block(0.0)])
    for model in (net, idle):
        with pytest.raises(_validation.InputError, match="`model` must have dropout layers.*dropout=0.5"):
            ks.inference.mc_dropout(model, IMAGES)
    with pytest.raises(_validation.InputError, match="`model` must be a functional"):
        ks.inference.mc_dropout(layers.Dropout(0.5), IMAGES)
