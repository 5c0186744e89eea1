"""Folded networks compute what the originals compute, and what must not be folded is not."""

import keras
import numpy as np
import pytest
from keras import layers
from own_layers import own

import keras_seg as ks
from keras_seg._validation import InputError

once = pytest.mark.tensorflow_only  # The arithmetic is NumPy's.


def noise(*shape):
    return np.random.default_rng(5).uniform(-1, 1, size=shape).astype("float32")


def learned(model):
    """The model with normalizations that have seen data: none is the identity, none explodes."""
    rng = np.random.default_rng(2)
    for variable in model.variables:
        low, high = {"gamma": (0.7, 1.3), "moving_variance": (0.7, 1.3)}.get(variable.name, (-0.3, 0.3))
        if variable.name in ("gamma", "moving_variance", "beta", "moving_mean", "bias"):
            variable.assign(rng.uniform(low, high, variable.shape))
    return model


def normalizations(model):
    return sum(isinstance(layer, layers.BatchNormalization) for layer in model._flatten_layers())


def check(model, image, left=0):
    folded = ks.surgery.fold_batch_norm(model)
    assert normalizations(folded) == left < normalizations(model)
    expectations, results = (keras.tree.flatten(net.predict(image, verbose=0)) for net in (model, folded))
    for expected, found in zip(expectations, results, strict=True):
        assert expected.std() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    return folded


def followed(*steps, size=(9, 8), **arguments):
    return learned(keras.Sequential([keras.Input((*size, 4)), *steps, layers.BatchNormalization(**arguments)]))


@pytest.mark.parametrize(
    "layer",
    [
        lambda **kw: layers.Conv2D(6, 3, strides=2, padding="same", **kw),
        lambda **kw: layers.Conv2D(6, 3, groups=2, dilation_rate=2, **kw),
        lambda **kw: layers.DepthwiseConv2D(3, depth_multiplier=2, **kw),
        lambda **kw: layers.SeparableConv2D(6, 3, depth_multiplier=2, **kw),
        lambda **kw: layers.Conv2DTranspose(6, 4, strides=2, padding="same", **kw),
        lambda **kw: layers.Dense(6, **kw),
    ],
    ids=["strided", "grouped", "depthwise", "separable", "transposed", "dense"],
)
@pytest.mark.parametrize("use_bias", [True, False])
def test_each_kind_of_layer(layer, use_bias):
    model = followed(layer(use_bias=use_bias), epsilon=0.1)
    folded = check(model, noise(2, 9, 8, 4))
    assert folded.layers[1].name == model.layers[0].name


@once
@pytest.mark.parametrize("parts", [{"scale": False}, {"center": False}, {"scale": False, "center": False}])
def test_without_scale_or_offset(parts):
    check(followed(layers.Conv2D(6, 3), **parts), noise(2, 9, 8, 4))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_inside_upsample_conv(interpolation):
    x, skip = keras.Input((5, 4, 3)), keras.Input((10, 8, 2))
    y = ks.layers.UpsampleConv(6, interpolation=interpolation)([x, skip])
    folded = check(learned(keras.Model([x, skip], y)), [noise(2, 5, 4, 3), noise(2, 10, 8, 2)])
    assert folded.layers[-1].normalization is None


@once
@pytest.mark.parametrize("normalization", ["batch", "group"])
def test_behind_an_upsample_conv_with_a_normalization_of_its_own(normalization):
    model = followed(ks.layers.UpsampleConv(8, normalization=normalization, activation=None))
    folded = ks.surgery.fold_batch_norm(model)
    assert normalizations(folded) == 1
    np.testing.assert_allclose(folded.predict(noise(2, 9, 8, 4)), model.predict(noise(2, 9, 8, 4)), atol=1e-5)


@once
def test_an_upsample_conv_called_as_in_training_stays():
    image = keras.Input((9, 8, 4))
    model = learned(keras.Model(image, ks.layers.UpsampleConv(6)(image, training=True)))
    for fold in (ks.surgery.fold_batch_norm, ks.surgery.fold_upsampling):
        folded = fold(model)
        assert [type(layer) for layer in folded.layers] == [type(layer) for layer in model.layers]
        np.testing.assert_allclose(folded(noise(2, 9, 8, 4)), model(noise(2, 9, 8, 4)), atol=1e-5)


def test_dropout_goes_and_does_not_stand_between():
    model = followed(layers.Conv2D(6, 3), layers.SpatialDropout2D(0.5), layers.GaussianNoise(0.3), layers.Dropout(0.5))
    assert [type(layer) for layer in check(model, noise(2, 9, 8, 4)).layers] == [layers.InputLayer, layers.Conv2D]


@once
@pytest.mark.parametrize(
    "steps",
    [
        [layers.Conv2D(4, 3, activation="relu")],
        [layers.Conv2D(4, 3), layers.ReLU()],
        [layers.Conv2D(4, 3), layers.ZeroPadding2D()],
        [],
    ],
    ids=["activation inside", "activation between", "padding between", "of the image"],
)
def test_what_does_not_fold(steps):
    model = followed(*steps)
    folded = ks.surgery.fold_batch_norm(model)
    assert normalizations(folded) == 1
    np.testing.assert_array_equal(folded.predict(noise(2, 9, 8, 4)), model.predict(noise(2, 9, 8, 4)))


@once
def test_a_convolution_with_other_readers():
    image = keras.Input((9, 8, 4))
    x = layers.Conv2D(6, 3)(image)
    y = layers.BatchNormalization()(x)
    folds = layers.BatchNormalization()(layers.Conv2D(6, 1)(y))
    check(learned(keras.Model(image, layers.Add()([x, folds]))), noise(2, 9, 8, 4), left=1)
    # The convolution's own map is an output of the model.
    check(learned(keras.Model(image, [x, folds])), noise(2, 9, 8, 4), left=1)


@once
def test_shared_layers():
    image = keras.Input((9, 8, 4))
    convolution, one, two = layers.Conv2D(6, 3), layers.BatchNormalization(), layers.BatchNormalization()
    half = layers.Rescaling(0.5)(image)
    together = layers.Add()([one(convolution(image)), one(convolution(half))])
    check(learned(keras.Model(image, together)), noise(2, 9, 8, 4))
    apart = keras.Model(image, layers.Add()([one(convolution(image)), two(convolution(half))]))
    assert normalizations(ks.surgery.fold_batch_norm(apart)) == 2
    bare = keras.Model(image, layers.Add()([one(convolution(image)), convolution(half)]))
    assert normalizations(ks.surgery.fold_batch_norm(bare)) == 1


@once
def test_a_model_called_twice_inside_another():
    block = followed(layers.Conv2D(4, 3, padding="same"))
    image = keras.Input((9, 8, 4))
    check(keras.Model(image, layers.Add()([block(image), block(block(image))])), noise(2, 9, 8, 4))


@once
def test_what_is_called_as_in_training_stays():
    image = keras.Input((9, 8, 4))
    x = layers.BatchNormalization()(layers.Conv2D(6, 3)(image), training=True)
    model = keras.Model(image, layers.Dropout(0.5)(x, training=True))
    folded = ks.surgery.fold_batch_norm(model)
    assert [type(layer) for layer in folded.layers] == [type(layer) for layer in model.layers]


@once
@pytest.mark.parametrize(
    "kind",
    [
        layers.BatchNormalization,
        ks.layers.BatchNormalization,
        layers.Conv2D,
        ks.layers.UpsampleConv,
        ks.layers.LinearFusion,
    ],
)
def test_subclasses_stay(kind):
    image = keras.Input((9, 8, 4))
    norm = own(kind) if issubclass(kind, layers.BatchNormalization) else layers.BatchNormalization
    x = layers.Conv2D(6, 1)(image)
    if kind is ks.layers.LinearFusion:
        x = own(kind)(6)([x, x])
    elif norm is layers.BatchNormalization:
        x = own(kind)(6, **({"kernel_size": 1} if kind is layers.Conv2D else {}))(x)
    model = learned(keras.Model(image, norm()(x)))
    folded = ks.surgery.fold_batch_norm(model)
    assert [type(layer) for layer in folded.layers] == [type(layer) for layer in model.layers]
    np.testing.assert_allclose(folded.predict(noise(2, 9, 8, 4)), model.predict(noise(2, 9, 8, 4)), atol=1e-6)


@once
@pytest.mark.parametrize("kind", [layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout])
def test_dropout_that_does_something_at_inference_stays(kind):
    """Such as that of Monte Carlo dropout."""
    image = keras.Input((9, 8, 4))
    model = keras.Model(image, own(kind)(0.5)(image))
    folded = ks.surgery.fold_batch_norm(model)
    assert len(folded.layers) == 2
    np.testing.assert_allclose(folded.predict(noise(2, 9, 8, 4)), 0.5 - noise(2, 9, 8, 4), atol=1e-6)


def test_several_inputs_and_outputs_by_name(tmp_path):
    images = {name: keras.Input((9, 8, 4), name=name) for name in ("left", "right")}
    x = layers.Concatenate()([images["left"], images["right"]])
    x = layers.BatchNormalization()(layers.Conv2D(6, 3, name="both")(x))
    model = learned(keras.Model(images, {"sum": x, "ramp": layers.ReLU()(x)}, name="pair"))
    before = model.get_weights()
    given = {"left": noise(2, 9, 8, 4), "right": noise(2, 9, 8, 4) + 1}
    folded = ks.surgery.fold_batch_norm(model)
    expected = model.predict(given, verbose=0)
    folded.save(tmp_path / "folded.keras")
    for net in (folded, keras.saving.load_model(tmp_path / "folded.keras")):
        found = net.predict(given, verbose=0)
        assert (net.name, set(found)) == ("pair", {"sum", "ramp"})
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, atol=1e-5)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@once
def test_a_convolution_without_normalization_is_copied():
    model = keras.Sequential([keras.Input((9, 8, 4)), layers.Conv2D(6, 3)])
    np.testing.assert_array_equal(
        ks.surgery.fold_batch_norm(model).predict(noise(2, 9, 8, 4)), model.predict(noise(2, 9, 8, 4))
    )


# Those that unpool take long; the nets that are not here have no normalization.
MODELS = {
    "FullResolutionNet": {"filters": 4},
    "SegNetBasic": {},
    "SegNet": {},
    "UNet": {"filters": 4, "depth": 2},
    "DeepLabV3Plus": {"backbone": "Compact", "weights": None},
    "PSPNet": {"backbone": "Compact", "weights": None},
    "FPN": {"backbone": "Compact", "weights": None},
    "LinkNet": {"backbone": "Compact", "weights": None},
    "SegFormer": {"backbone": "Compact", "weights": None},
    "DeepLabV3": {"backbone": "Compact", "aspp_filters": 8},
    "FCN": {"backbone": "Compact"},
    "LRASPP": {"backbone": "Compact", "filters": 8},
    "UNetPlusPlus": {"backbone": "Compact", "decoder_filters": (8, 8, 8, 8, 8)},
    "MAnet": {"backbone": "Compact", "decoder_filters": (8, 8, 8, 8, 8)},
    "PAN": {"backbone": "Compact", "filters": 8},
    "DPT": {"backbone": "Compact", "filters": 8, "stage_filters": (8, 8, 8, 8)},
    **{name: {} for name in ("DDRNet", "PIDNet", "FastSCNN", "BiSeNetV2")},
    "UPerNet": {"backbone": "Compact", "filters": 8},
    "DeconvNet": {},
}
# Normalizations of sums, averages and activated maps, in front of no convolution that could take them.
KEPT = {"DDRNet": 12, "PIDNet": 12, "BiSeNetV2": 1}
LONG = (
    *("SegNet", "SegNetBasic", "DeconvNet", "UNetPlusPlus", "LRASPP", "UPerNet", "DDRNet"),
    *("FCN", "MAnet", "PAN", "DPT", "PIDNet", "FastSCNN", "BiSeNetV2"),
)


@pytest.mark.thorough
@once
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in MODELS]
)
def test_every_model_with_normalization(name):
    model = ks.models.build(name, num_classes=3, activation=None, **MODELS[name])
    learned(model)
    size = [side or 64 for side in model.input_shape[1:3]]
    folded = ks.surgery.fold_batch_norm(model)
    assert normalizations(folded) == KEPT.get(name, 0)
    image = 255 * np.random.default_rng(1).uniform(size=(1, *size, 3)).astype("float32")
    expected, found = model.predict(image, verbose=0), folded.predict(image, verbose=0)
    assert expected.std() > 1e-3
    # Where maxima are unpooled, two that differ by rounding may change places.
    apart = np.abs(found - expected).max(-1) > 1e-3 * np.abs(expected).max()
    assert apart.mean() <= (0.02 if "Net" in name and name.startswith(("Seg", "Deconv")) else 0)


@once
@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["MobileNetV2", "ResNet50", "EfficientNetB0", "DenseNet121", "ResNet50V2"])
def test_backbones_of_keras(backbone):
    """Those that normalize before they convolve keep some."""
    model = learned(ks.models.UNet(num_classes=3, backbone=backbone, weights=None, activation=None))
    before = normalizations(model)
    folded = ks.surgery.fold_batch_norm(model)
    assert normalizations(folded) < before / 2 or backbone == "DenseNet121"
    image = 255 * np.random.default_rng(1).uniform(size=(1, 64, 96, 3)).astype("float32")
    expected = model.predict(image, verbose=0)
    np.testing.assert_allclose(folded.predict(image, verbose=0), expected, atol=1e-4 * np.abs(expected).max())


def test_a_model_that_has_no_graph():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(InputError, match="`model` must be a functional keras.Model"):
        ks.surgery.fold_batch_norm(Own())
