"""Multiply-adds: by hand, and against PyTorch's own counter of what is really executed."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg import _validation


def chain(*steps, size=(None, None), channels=3):
    image = x = keras.Input((*size, channels))
    for step in steps:
        x = step(x)
    return keras.Model(image, x)


@pytest.mark.tensorflow_only
def test_vgg16():
    """The literature's 15.3 billion for the convolutions at 224, 0.12 for the dense layers: 15.47 in all."""
    net = keras.applications.VGG16(include_top=False, weights=None)
    assert ks.analysis.multiply_adds(net, input_size=224) == 15_346_630_656


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "step, expected",
    [
        (lambda: layers.Conv2D(4, 3, padding="same"), 8 * 10 * 9 * 3 * 4),
        (lambda: layers.Conv2D(6, 3, strides=2, groups=3), 3 * 4 * 9 * 1 * 6),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), 6 * 8 * 9 * 3 * 2),
        (lambda: layers.SeparableConv2D(5, 3, padding="same"), 8 * 10 * (9 * 3 + 3 * 5)),
        (lambda: layers.Conv2DTranspose(4, 4, strides=2), 8 * 10 * 16 * 3 * 4),
        (lambda: layers.Dense(7), 8 * 10 * 3 * 7),
        (lambda: layers.BatchNormalization(), 0),
        (lambda: layers.MaxPooling2D(), 0),
        (lambda: layers.PReLU(shared_axes=(1, 2)), 0),
        (lambda: ks.layers.Resize2D(2), 0),
        (lambda: ks.layers.ChannelDeconvolution2D(4), 8 * 10 * 3 * 64),
        (lambda: ks.layers.ChannelDeconvolution2D(4, trainable=True), 8 * 10 * 9 * 64),
        (lambda: ks.layers.UpsampleConv(4), 8 * 10 * 16 * 3 * 4),
        (lambda: ks.layers.UpsampleConv(4, interpolation="bilinear"), 16 * 20 * 9 * 3 * 4),
    ],
)
def test_layers_by_hand(step, expected):
    assert ks.analysis.multiply_adds(chain(step()), input_size=(8, 10)) == expected
    assert ks.analysis.multiply_adds(chain(step(), size=(8, 10))) == expected


@pytest.mark.tensorflow_only
def test_weights_of_several_axes_are_no_kernels():
    steps = layers.Normalization(axis=(1, 2, 3)), layers.LayerNormalization(axis=(1, 2, 3)), layers.PReLU()
    assert ks.analysis.multiply_adds(chain(*steps, layers.Conv2D(4, 3), size=(8, 10))) == 6 * 8 * 9 * 3 * 4


@pytest.mark.tensorflow_only
def test_a_skip_is_counted_at_the_full_size():
    low, skip = keras.Input((8, 10, 3)), keras.Input((16, 20, 2))
    layer = ks.layers.UpsampleConv(4)
    layer([low, skip])
    assert layer.multiply_adds([(1, 8, 10, 3), (1, 16, 20, 2)]) == (8 * 10 * 16 * 3 + 16 * 20 * 9 * 2) * 4
    half = ks.layers.UpsampleConv(4, dtype="mixed_float16")  # Windows of the map padded by one.
    assert half.multiply_adds([(1, 8, 10, 3), (1, 16, 20, 2)]) == (9 * 11 * 16 * 3 + 16 * 20 * 9 * 2) * 4


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch counts what PyTorch runs")
@pytest.mark.parametrize(
    "make",
    [
        lambda: ks.models.UNet(num_classes=3, filters=4, depth=2),
        lambda: ks.models.FPN(num_classes=3, backbone="Compact", pyramid_filters=8, segmentation_filters=8),
        lambda: ks.models.DeepLabV3Plus(num_classes=3, backbone="MobileNetV2", aspp_filters=8),
        lambda: ks.models.FCN8s(num_classes=3, filters=(4, 4, 4, 4, 4), fc_filters=8),
        lambda: ks.models.SegNetBasic(num_classes=3, filters=4),
    ],
)
def test_equals_the_counter_of_torch(make):
    from torch.utils.flop_counter import FlopCounterMode

    model = make()
    with FlopCounterMode(display=False) as counter:
        model(np.zeros((1, 64, 96, 3), "float32"))
    assert counter.get_total_flops() == 2 * ks.analysis.multiply_adds(model, input_size=(64, 96))


@pytest.mark.tensorflow_only
def test_bad_input():
    with pytest.raises(_validation.InputError, match="`input_size` must be given"):
        ks.analysis.multiply_adds(chain(layers.Conv2D(4, 3)))
    with pytest.raises(_validation.InputError, match="`input_size`"):
        ks.analysis.multiply_adds(chain(layers.Conv2D(4, 3)), input_size=0)

    class Own(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2))

        def call(self, x):
            return keras.ops.matmul(x, self.kernel)

    with pytest.raises(_validation.InputError, match=r"Received: model='own \(Own\)'. Give the layer a method"):
        ks.analysis.multiply_adds(chain(Own(name="own")), input_size=8)
