"""Zeros padded by the convolution that reads them are those that a layer padded."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg._validation import InputError


def padded(size, padding, convolution):
    inputs = keras.Input((*size, 3))
    model = keras.Model(inputs, convolution(layers.ZeroPadding2D(padding, name="zeros")(inputs)))
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(-1, 1, weight.shape) for weight in model.get_weights()])
    return model


def same(model, folded):
    image = np.random.default_rng(5).uniform(-1, 1, (2, *model.input_shape[1:])).astype("float32")
    np.testing.assert_allclose(folded.predict(image, verbose=0), model.predict(image, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "padding", "convolution"),
    [
        ((8, 6), ((0, 1), (0, 1)), lambda: layers.Conv2D(4, 3, strides=2)),
        ((8, 6), ((1, 2), (1, 2)), lambda: layers.DepthwiseConv2D(5, strides=2)),
        ((7, 6), ((1, 1), (0, 1)), lambda: layers.DepthwiseConv2D(3, strides=2)),
        ((8, 6), 2, lambda: layers.SeparableConv2D(4, 3, dilation_rate=2)),
    ],
    ids=["3x3", "depthwise 5x5", "odd and even", "dilated"],
)
def test_the_layer_goes(size, padding, convolution):
    model = padded(size, padding, convolution())
    folded = ks.surgery.fold_padding(model)
    assert len(folded.layers) == 2
    same(model, folded)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("size", "padding", "convolution"),
    [
        ((8, 6), 1, lambda: layers.Conv2D(4, 3, strides=2)),  # As ResNet does: one zero before, not after.
        ((8, 7), ((0, 1), (0, 1)), lambda: layers.Conv2D(4, 3, strides=2)),
        ((8, 6), 1, lambda: layers.MaxPooling2D(3, strides=2)),  # Which pads with minus infinity.
        ((8, 6), ((0, 1), (0, 1)), lambda: layers.Conv2D(4, 3, strides=2, padding="same")),
    ],
    ids=["other zeros", "odd width", "pooling", "padded twice"],
)
def test_the_layer_stays(size, padding, convolution):
    model = padded(size, padding, convolution())
    folded = ks.surgery.fold_padding(model)
    assert folded.get_layer("zeros")
    same(model, folded)


class Mirrored(layers.ZeroPadding2D):
    """Padding that pads no zeros."""

    def call(self, inputs):
        return keras.ops.pad(inputs, ((0, 0), *self.padding, (0, 0)), mode="reflect")


class Valid(layers.Conv2D):
    """A convolution that never pads."""

    def call(self, inputs):
        return keras.ops.conv(inputs, self.kernel, padding="valid")


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(("pad", "convolution"), [(Mirrored, layers.Conv2D), (layers.ZeroPadding2D, Valid)])
def test_subclasses_stay(pad, convolution):
    inputs = keras.Input((8, 6, 3))
    model = keras.Model(inputs, convolution(4, 3)(pad(1)(inputs)))
    folded = ks.surgery.fold_padding(model)
    assert [type(layer) for layer in folded.layers] == [type(layer) for layer in model.layers]
    same(model, folded)


@pytest.mark.tensorflow_only
def test_a_map_that_is_read_twice():
    """By a convolution that can pad by itself, and as an output of the model."""
    inputs = keras.Input((8, 6, 3))
    zeros = layers.ZeroPadding2D(((0, 1), (0, 1)))(inputs)
    model = keras.Model(inputs, [layers.Conv2D(4, 3, strides=2)(zeros), zeros])
    folded = ks.surgery.fold_padding(model)
    image = np.random.default_rng(5).uniform(-1, 1, (2, 8, 6, 3)).astype("float32")
    for found, expected in zip(folded(image), model(image), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert [tuple(output.shape) for output in folded.outputs] == [(None, 4, 3, 4), (None, 9, 7, 3)]


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_sizes():
    """An unknown size keeps the layer, a given one lets it go."""
    net = keras.applications.MobileNetV2((None, None, 3), alpha=0.35, include_top=False, weights=None)

    def paddings(model):
        return sum(isinstance(layer, layers.ZeroPadding2D) for layer in model.layers)

    assert (paddings(net), paddings(ks.surgery.fold_padding(net))) == (4, 4)
    folded = ks.surgery.fold_padding(net, input_size=(64, 32))
    assert paddings(folded) == 0
    image = np.random.default_rng(5).uniform(-1, 1, (1, 64, 32, 3)).astype("float32")
    np.testing.assert_allclose(folded(image), net(image), rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="`input_size` must be an integer of at least 1"):
        ks.surgery.fold_padding(net, input_size=(0, 8))
