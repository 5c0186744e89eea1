"""The grid of a model against what moving the image does."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg._validation import InputError


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name, arguments, stride",
    [
        ("UNet", {"filters": 4, "depth": 3}, 8),
        ("UNet2015", {"filters": 4, "depth": 2}, 4),
        ("UNet", {"backbone": "Compact"}, 32),
        ("SegNetBasic", {"filters": 4}, 16),
        ("PSPNet", {"backbone": "Compact"}, 8),
    ],
)
def test_of_our_models(name, arguments, stride):
    assert ks.analysis.shift_stride(ks.models.build(name, num_classes=2, **arguments)) == (stride, stride)


def test_moving_the_image():
    """By the stride, output and image move together; by less, they do not. Strides 2 x 3 down and 4 across."""
    inputs = keras.Input((None, None, 1))
    x = layers.MaxPooling2D((2, 4))(inputs)
    x = layers.MaxPooling2D((3, 1))(x)
    model = keras.Model(inputs, layers.UpSampling2D((6, 4))(x))
    assert ks.analysis.shift_stride(model) == (6, 4)
    image = np.random.default_rng(0).normal(size=(1, 72, 72, 1)).astype("float32")
    whole = model.predict_on_batch(image)
    for down in range(7):
        for across in (0, 2, 4):
            moved = model.predict_on_batch(image[:, down : down + 60, across : across + 60])
            equal = np.array_equal(moved, whole[:, down : down + 60, across : across + 60])
            assert equal == (down % 6 == 0 and across % 4 == 0)


@pytest.mark.tensorflow_only
def test_strides_that_differ_between_branches():
    """Strides 2 and 3 meet on a grid of 6; a layer that pads to 8 makes 24 of it."""
    inputs = keras.Input((48, 48, 1))
    branches = [layers.UpSampling2D(n)(layers.AveragePooling2D(n)(inputs)) for n in (2, 3)]
    assert ks.analysis.shift_stride(keras.Model(inputs, layers.Add()(branches))) == (6, 6)
    padded = ks.layers.PadToStride(8)(inputs)
    assert ks.analysis.shift_stride(keras.Model(inputs, layers.AveragePooling2D(3)(padded))) == (24, 24)


@pytest.mark.tensorflow_only
def test_models_without_a_graph():
    class Wrapped(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = ks.models.UNet(num_classes=2, filters=4, depth=2)
            self.second = keras.Sequential([keras.Input((None, None, 2)), layers.MaxPooling2D(3)])

    assert ks.analysis.shift_stride(Wrapped()) == (12, 12)
    assert ks.analysis.shift_stride(keras.Model()) == (1, 1)
    images = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
    two = keras.Model(images, layers.Add()(images))
    with pytest.raises(InputError, match="must have one input"):
        ks.analysis.shift_stride(two)
