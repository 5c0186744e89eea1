"""Dilation in place of strides: the old map is every s-th unit of the new one."""

import keras
import numpy as np
import pytest
from keras import layers
from random_weights import randomized

import keras_seg as ks
from keras_seg import _validation

once = pytest.mark.tensorflow_only  # One output stride is enough for the other backends.


def noise(*shape):
    return np.random.default_rng(5).uniform(-1, 1, size=shape).astype("float32")


def sequence(*steps, size=(None, None)):
    return randomized(keras.Sequential([keras.Input((*size, 2)), *steps]))


def net(padding, size=(None, None)):
    """Strided convolutions of all kinds and both poolings, odd and even kernels, output stride 16."""
    return sequence(
        layers.Conv2D(4, 3, strides=2, padding=padding, activation="relu"),
        layers.MaxPooling2D(3, strides=2, padding=padding),
        layers.DepthwiseConv2D(3, strides=2, padding=padding, activation="relu"),
        layers.Conv2D(4, 2, padding=padding),
        layers.BatchNormalization(),
        layers.AveragePooling2D(2, padding=padding),
        layers.SeparableConv2D(3, 3, padding=padding, activation="tanh"),
        layers.Conv2D(3, 3, padding=padding, dilation_rate=2),
        size=size,
    )


def check(model, image, output_stride, original_stride, tolerance=1e-4):
    dilated = ks.surgery.dilate(model, output_stride=output_stride)
    expected = model.predict(image, verbose=0)
    fine = dilated.predict(image, verbose=0)
    step = original_stride // output_stride
    assert fine.shape[1] > expected.shape[1] or step == 1
    subsampled = fine[:, ::step, ::step]
    assert subsampled.shape == expected.shape
    assert expected.std() > 0.01
    np.testing.assert_allclose(subsampled, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    return dilated


@pytest.mark.parametrize("output_stride", [4, *(pytest.param(n, marks=once) for n in (1, 2, 8, 16))])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_subsampling_identity(padding, output_stride):
    size = (112, 128) if padding == "same" else (200, 230)
    check(net(padding), noise(2, *size, 2), output_stride, 16)


def test_subsampling_identity_at_a_fixed_odd_size():
    """Where padding depends on the size, a fixed size is taken for what it is."""
    check(net("same", (45, 51)), noise(1, 45, 51, 2), 4, 16)


@pytest.mark.parametrize("fixed, size", [(False, (28, 36)), (True, (30, 36)), (True, (31, 33))])
def test_zero_padding_and_cropping_spread(fixed, size):
    model = sequence(
        layers.ZeroPadding2D(1),
        layers.Conv2D(3, 3, strides=2),
        layers.ZeroPadding2D(((0, 1), (2, 1))),
        layers.Conv2D(3, 3, strides=2, activation="relu"),
        layers.ZeroPadding2D(2),
        layers.Cropping2D(((1, 0), (0, 1))),
        layers.Conv2D(2, 3),
        size=size if fixed else (None, None),
    )
    check(model, noise(1, *size, 2), 1, 4)


def test_residual_blocks_and_gates():
    image = x = keras.Input((None, None, 2))
    for level in range(2):
        y = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
        y = layers.Conv2D(4, 3, padding="same")(y)
        short = layers.Conv2D(4, 1, strides=2)(x)
        x = layers.Add(name=f"sum{level}")([y, short])
    check(randomized(keras.Model(image, x)), noise(1, 24, 32, 2), 1, 4)
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    gated = ks.surgery.dilate(keras.Model(image, layers.Multiply()([x, gate])), output_stride=2)
    assert gated.predict(noise(1, 24, 32, 2), verbose=0).shape == (1, 12, 16, 4)


def test_a_pyramid():
    """A backbone with several outputs: those above the output stride stay, those below become finer."""
    backbone = randomized(ks.backbones.build("Compact", weights=None))
    dilated = ks.surgery.dilate(backbone, output_stride=8)
    image = 100 * (1 + noise(1, 64, 96, 3))
    old, new = (net.predict(image, verbose=0) for net in (backbone, dilated))
    assert sorted(old) == sorted(new)
    for level, step in {"P1": 1, "P2": 1, "P3": 1, "P4": 2, "P5": 4}.items():
        expected, found = old[level], new[level][:, ::step, ::step]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name, size", [("MobileNetV2", 64), pytest.param("ResNet50", 64, marks=pytest.mark.slow), ("VGG16", 32)]
)
def test_networks_of_keras(name, size):
    make = getattr(keras.applications, name)
    model = randomized(make(include_top=False, weights=None, input_shape=(size, 2 * size, 3)))
    dilated = check(model, 50 * noise(1, size, 2 * size, 3), 8, 32, tolerance=1e-3)
    assert dilated.output_shape[1:3] == (size // 8, size // 4)


def test_windows_that_do_not_overlap_keep_the_size_of_padded_networks():
    """2x2 pooling and a 2x2 convolution of stride 2, both "valid": 32 pixels stay 32 where the network pads elsewhere,
    and lose what the windows reach beyond where it does not."""
    steps = [layers.MaxPooling2D(2), layers.Conv2D(2, 2, strides=2)]
    padded = sequence(layers.Conv2D(2, 3, padding="same"), *steps)
    assert check(padded, noise(1, 32, 48, 2), 1, 4).predict(noise(1, 32, 48, 2), verbose=0).shape == (1, 32, 48, 2)
    bare = check(sequence(*steps), noise(1, 33, 48, 2), 1, 4)
    assert bare.predict(noise(1, 33, 48, 2), verbose=0).shape == (1, 33 - 1 - 2, 48 - 1 - 2, 2)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Conv2D(4, 3, strides=2, padding="same"),
        lambda: layers.MaxPooling2D(2),
        lambda: layers.AveragePooling2D(2),
    ],
    ids=["convolution", "maximum", "average"],
)
def test_one_layer_called_at_several_dilations(layer):
    """Each call is dilated and padded by itself: at output stride 2 the second by 1, the third by 2."""
    image = keras.Input((None, None, 4))
    shared = layer()
    check(randomized(keras.Model(image, shared(shared(shared(image))))), noise(1, 32, 48, 4), 2, 8)


def test_weights_are_kept_by_name_and_copied():
    model = net("same")
    dilated = ks.surgery.dilate(model, output_stride=4)
    assert dilated.count_params() == model.count_params()
    for layer in model.layers:
        copy = dilated.get_layer(layer.name)
        for mine, theirs in zip(copy.get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    before = model.get_weights()
    dilated.set_weights([np.zeros_like(w) for w in dilated.get_weights()])
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@once
def test_strides_and_rates():
    """VGG at output stride 8: pool 4 by 1, conv 5 by 2, pool 5 by 2; the field is as large as before, its units 4 times
    denser."""
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3))
    dilated = ks.surgery.dilate(vgg, output_stride=8)
    assert dilated.get_layer("block4_conv3").dilation_rate == (1, 1)
    assert dilated.get_layer("block5_conv1").dilation_rate == (2, 2)
    assert dilated.get_layer("block4_pool").dilation_rate == (1, 1)
    assert dilated.get_layer("block5_pool").dilation_rate == (2, 2)
    old, new = (ks.analysis.receptive_field(model, layer="block5_pool") for model in (vgg, dilated))
    assert (old.stride, new.stride) == (32, 8)
    assert old.size == new.size == 212


def test_it_saves_and_loads(tmp_path):
    dilated = ks.surgery.dilate(net("same"), output_stride=4)
    dilated.save(tmp_path / "dilated.keras")
    image = noise(1, 32, 48, 2)
    loaded = keras.saving.load_model(tmp_path / "dilated.keras")
    np.testing.assert_allclose(
        loaded.predict(image, verbose=0), dilated.predict(image, verbose=0), rtol=1e-5, atol=1e-5
    )


@once
def test_unfit_models():
    with pytest.raises(_validation.InputError, match="`output_stride` must be a stride.*Choose one of: 1, 2, 4, 8, 16"):
        ks.surgery.dilate(net("same"), output_stride=3)
    with pytest.raises(_validation.InputError, match="`output_stride` must be a stride.*Received: output_stride=32"):
        ks.surgery.dilate(net("same"), output_stride=32)
    with pytest.raises(_validation.InputError, match="`output_stride` must be an integer"):
        ks.surgery.dilate(net("same"), output_stride=0)
    image = keras.Input((16, 16, 1))
    pooled, _ = ks.layers.MaxPoolingWithArgmax2D(name="switches")(image)
    with pytest.raises(_validation.InputError, match=r"has a stride that cannot be removed.*switches.*MaxPooling2D"):
        ks.surgery.dilate(keras.Model(image, layers.Conv2D(1, 3)(pooled)), output_stride=1)

    class Smallest(layers.MaxPooling2D):
        def call(self, inputs):
            return -super().call(-inputs)

    for steps in ([Smallest(name="least")], [layers.MaxPooling2D(), Smallest(strides=1, name="least")]):
        reason = "has a stride that cannot be removed" if len(steps) == 1 else "cannot be applied to a dilated map"
        with pytest.raises(_validation.InputError, match=rf"{reason}.*least \(Smallest\)"):
            ks.surgery.dilate(sequence(*steps), output_stride=1)
    flattened = keras.Sequential([keras.Input((16, 16, 1)), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(
        _validation.InputError, match=r"cannot be applied to a dilated map.*\(Flatten\).*convolutionalize"
    ):
        ks.surgery.dilate(flattened, output_stride=1)
    with pytest.raises(_validation.InputError, match=r"joins dilated maps.*UpsampleConv.*encoder alone"):
        ks.surgery.dilate(ks.models.UNet(num_classes=2, filters=2, depth=2), output_stride=2)
