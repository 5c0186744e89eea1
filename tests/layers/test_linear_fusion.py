"""LinearFusion is the plain layers that it replaces: their values, gradients, and forms for export."""

import keras
import numpy as np
import pytest
from gradients import gradient
from keras import layers
from layer_harness import check_layer

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.layers import LinearFusion, ResizeLike

SIZES = [(2, 3), (5, 4), (9, 11)]
CHANNELS = [7, 5, 3]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def maps(batch=2, sizes=SIZES, channels=CHANNELS):
    return [noise(batch, *size, count, seed=count) for size, count in zip(sizes, channels, strict=True)]


def with_noise(layer):
    """The layer with weights none of which is 0."""
    layer.set_weights([noise(*weight.shape, seed=number) for number, weight in enumerate(layer.get_weights())])
    return layer


def fused(sizes=SIZES, channels=CHANNELS, **arguments):
    """A model of one LinearFusion."""
    inputs = [keras.Input((*size, count)) for size, count in zip(sizes, channels, strict=True)]
    layer = LinearFusion(6, name="fuse", **arguments)
    model = keras.Model(inputs, layer(inputs))
    with_noise(layer)
    return model


def plain(layer, inputs):
    """The layers of the docstring, with the weights of `layer`."""
    projected = []
    for x, part in zip(inputs, layer.projections, strict=True):
        projection = layers.Conv2D(layer.filters, 1)
        projection.build(x.shape)
        projection.set_weights(part.get_weights())
        projected.append(ResizeLike()([projection(x), inputs[-1]]))
    joined = layers.Concatenate()(projected)
    fusion = layers.Conv2D(layer.filters, 1, use_bias=layer.use_bias)
    fusion.build(joined.shape)
    fusion.set_weights(layer.fusion.get_weights())
    return fusion(joined)


@pytest.mark.parametrize("use_bias", [False, True])
def test_equals_the_plain_layers(tmp_path, use_bias):
    layer = LinearFusion(6, use_bias=use_bias)
    layer.build([x.shape for x in maps()])
    found = check_layer(with_noise(layer), maps(), tmp_path)
    expected = keras.ops.convert_to_numpy(plain(layer, maps()))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_of_one_map():
    (x,) = maps(sizes=SIZES[:1], channels=CHANNELS[:1])
    layer = LinearFusion(6)
    layer([x])
    with_noise(layer)
    expected = keras.ops.convert_to_numpy(plain(layer, [x]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer([x])), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("position", range(3))
def test_gradients_are_those_of_the_plain_layers(position):
    given, upstream = maps(), noise(2, *SIZES[-1], 6)
    layer = LinearFusion(6)
    layer(given)
    with_noise(layer)

    def through(function):
        def total(x):
            inputs = [keras.ops.convert_to_tensor(other) for other in given]
            found = function([*inputs[:position], x, *inputs[position + 1 :]])
            return keras.ops.sum(keras.ops.multiply(found, keras.ops.convert_to_tensor(upstream)))

        return gradient(total, given[position])

    found, expected = through(layer), through(lambda inputs: plain(layer, inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_rounds_like_the_plain_layers_in_half_precision():
    """Products of kernels are made in full precision: 1.4 times as much would be lost if they were rounded first."""
    sizes, channels = [(5, 6), (10, 12), (20, 24)], [160, 64, 32]
    given = maps(sizes=sizes, channels=channels)
    layer = LinearFusion(128)
    layer(given)
    expected = keras.ops.convert_to_numpy(layer(given))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = LinearFusion(128)
        half(given)
        half.set_weights(layer.get_weights())
        found, others = half(given), plain(half, given)
    finally:
        keras.config.set_dtype_policy("float32")
    lost, lost_by_others = (
        np.sqrt(np.mean((keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) - expected) ** 2))
        for x in (found, others)
    )
    assert 0 < lost < 1.2 * lost_by_others


def test_trains_all_of_its_weights():
    model = fused()
    before = [weight.copy() for weight in model.get_weights()]
    assert len(before) == 2 * len(SIZES) + 1
    model.compile("sgd", "mse")
    model.fit(maps(), noise(2, *SIZES[-1], 6), verbose=0)
    assert all(np.abs(new - old).max() > 0 for new, old in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize("count", [1, 3])
def test_as_convolutions(count):
    model = fused(sizes=SIZES[-count:], channels=CHANNELS[-count:])
    folded = ks.surgery.fold_upsampling(model)
    given = maps(sizes=SIZES[-count:], channels=CHANNELS[-count:])
    np.testing.assert_allclose(folded.predict(given, verbose=0), model.predict(given, verbose=0), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(layer, LinearFusion) for layer in folded.layers)
    names = [layer.name for layer in folded.layers if layer.weights or isinstance(layer, layers.Add)]
    assert sorted(names) == sorted(["fuse_0", "fuse_1", "fuse_2", "fuse"][: count + 1] if count > 1 else ["fuse_0"])


@pytest.mark.parametrize("use_bias", [False, True])
def test_takes_in_the_normalization_behind_it(use_bias):
    model = fused(use_bias=use_bias)
    normalize = layers.BatchNormalization()
    model = keras.Model(model.inputs, normalize(model.output))
    normalize.set_weights([noise(6, seed=1), noise(6, seed=2), noise(6, seed=3), np.abs(noise(6, seed=4)) + 0.5])
    for folded in (folded_once := ks.surgery.fold_batch_norm(model), ks.surgery.fold_upsampling(folded_once)):
        found, expected = (m.predict(maps(), verbose=0) for m in (folded, model))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
        assert not any(isinstance(layer, layers.BatchNormalization) for layer in folded.layers)


@pytest.mark.tensorflow_only
def test_what_it_reads_and_what_it_costs():
    layer = fused().get_layer("fuse")
    assert layer.receptive_reach(2, 0, size=9, output_size=9, scale=None) == []
    expected = ResizeLike().receptive_reach(0, 0, size=2, output_size=9, scale=None)
    assert layer.receptive_reach(0, 0, size=2, output_size=9, scale=None) == expected
    shapes = [x.shape for x in maps()]
    assert layer.multiply_adds(shapes) == (2 * 3 * 7 + 5 * 4 * 5 + 9 * 11 * 3) * 6
    image = keras.Input((9, 11, 3))
    model = keras.Model(
        image, LinearFusion(6)([layers.AveragePooling2D(4)(image), layers.MaxPooling2D(3)(image), image])
    )
    expected = (2 * 2 + 3 * 3 + 9 * 11) * 3 * 6
    assert ks.analysis.multiply_adds(model) == ks.analysis.multiply_adds(ks.surgery.fold_upsampling(model)) == expected


@pytest.mark.parametrize(
    "inputs", [maps()[0], [maps()[0][0], maps()[1]], [maps()[0][..., 0], maps()[1][..., 0]]], ids=["map", "3d", "all"]
)
def test_other_inputs_are_refused(inputs):
    with pytest.raises(ValueError, match="`inputs` must be a list of maps") as caught:
        LinearFusion(6)(inputs)
    assert "\n" not in str(caught.value)


def test_other_arguments_are_refused():
    for arguments in ({"filters": 0}, {"filters": 2.5}, {"filters": 4, "use_bias": "no"}):
        with pytest.raises(InputError):
            LinearFusion(**arguments)
