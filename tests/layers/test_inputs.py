"""What layers say about inputs that do not fit: one line, also inside a call."""

import keras
import numpy as np
import pytest

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only


def zeros(*shape):
    return np.zeros(shape, "float32")


MAP = zeros(1, 4, 4, 2)
LAYERS = [
    ks.layers.MaxPoolingWithArgmax2D(),
    ks.layers.BedOfNails2D(),
    ks.layers.PixelShuffle2D(1),
    ks.layers.Resize2D(),
    ks.layers.Resize2D(interpolation="bicubic"),
    ks.layers.PadToStride(4),
    ks.layers.AdaptiveAveragePooling2D(2),
    ks.layers.ChannelDeconvolution2D(2),
    ks.layers.DilatedPooling2D(),
    ks.layers.UpsampleConv(2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("x", [zeros(4, 4, 2), keras.Input((4, 4)), keras.Input((4, 4, 1, 1))], ids=str)
def test_maps_have_four_axes(layer, x):
    with pytest.raises(ValueError, match="ndim=4|must be a map") as caught:
        layer(x)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "layer, inputs, message",
    [
        (ks.layers.CropLike(), [MAP, zeros(1, 9, 9, 2)], "`inputs` must hold a map of at least 9"),
        (ks.layers.CropLike(), [zeros(4, 4, 2), zeros(4, 4, 2)], "`inputs` must be the list .map, like."),
        (ks.layers.ResizeLike(), [zeros(4, 4, 2), zeros(4, 4, 2)], "`inputs` must be the list .map, like."),
        (ks.layers.UpsampleConv(2), [MAP], "`inputs` must be a map"),
        (ks.layers.UpsampleConv(2), [MAP, MAP], "`inputs` must be .map, skip. with the skip twice as large"),
        (ks.layers.MaxUnpooling2D(), MAP, "`inputs` must be .values, indices."),
        (ks.layers.MaxUnpooling2D(), [MAP, zeros(1, 2, 4, 2)], "`inputs` must hold values and indices of one shape"),
    ],
)
def test_inputs_that_do_not_fit_each_other(layer, inputs, message):
    with pytest.raises(ValueError, match=message) as caught:
        layer(inputs)
    assert "\n" not in str(caught.value)


def test_a_built_layer_checks_again():
    up = ks.layers.UpsampleConv(2)
    up(MAP)
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 2") as caught:
        up(zeros(1, 4, 4, 3))
    assert "\n" not in str(caught.value)
    pool = ks.layers.MaxPoolingWithArgmax2D(4)
    pool(MAP)
    with pytest.raises(ValueError, match="`inputs` must hold at least one window") as caught:
        pool(zeros(1, 3, 4, 2))
    assert "\n" not in str(caught.value)
