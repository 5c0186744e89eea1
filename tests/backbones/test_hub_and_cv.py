"""Backbones of the real keras-hub and keras-cv, small and without weights: their pyramids, in every decoder."""

import warnings

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation

IMAGE = np.random.default_rng(0).uniform(0, 255, size=(1, 70, 45, 3)).astype("float32")


def hub_resnet(hub):
    return hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 96, 128, 160],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
    )


def hub_densenet(hub):
    return hub.models.DenseNetBackbone(stackwise_num_repeats=[1, 1, 1, 1], compression_ratio=0.5, growth_rate=8)


def hub_csp(hub):
    """Its first map has stride 2, and keras-hub calls it P2: the stem has stride 1, as in its CSPDarkNet presets."""
    return hub.models.CSPNetBackbone(
        stem_filters=16,
        stem_kernel_size=3,
        stem_strides=1,
        stem_padding="same",
        stackwise_depth=[1, 1, 1, 1, 1],
        stackwise_strides=[2, 2, 2, 2, 2],
        stackwise_num_filters=[16, 16, 24, 32, 48],
        block_type="dark_block",
        stage_type="dark",
    )


def hub_vgg(hub):
    """It declares no pyramid: the strides are found in its graph."""
    return hub.models.VGGBackbone(stackwise_num_repeats=[1, 1, 1, 1, 1], stackwise_num_filters=[8, 8, 16, 16, 24])


def cv_resnet(cv):
    return cv.models.ResNetBackbone(
        stackwise_filters=[64, 96, 128, 160],
        stackwise_blocks=[1, 1, 1, 1],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=True,
        block_type="basic_block",
    )


def cv_mobilenet(cv):
    return cv.models.MobileNetV3Backbone(
        stackwise_expansion=[1, 2, 2, 2],
        stackwise_filters=[16, 24, 32, 48],
        stackwise_kernel_size=[3, 3, 3, 3],
        stackwise_stride=[2, 2, 2, 2],
        stackwise_se_ratio=[None, None, 0.25, 0.25],
        stackwise_activation=["relu", "relu", "hard_swish", "hard_swish"],
        include_rescaling=True,
    )


def cv_csp(cv):
    return cv.models.CSPDarkNetBackbone(
        stackwise_channels=[16, 24, 32, 48], stackwise_depth=[1, 1, 1, 1], include_rescaling=True
    )


BACKBONES = [
    (hub_resnet, [2, 3, 4, 5], {"P2": 64, "P5": 160}),
    (hub_densenet, [2, 3, 4, 5], {}),
    (hub_csp, [1, 2, 3, 4, 5], {"P2": 16, "P5": 48}),
    (hub_vgg, [0, 1, 2, 3, 4, 5], {"P0": 8, "P4": 24}),
    (cv_resnet, [2, 3, 4, 5], {"P2": 64, "P5": 160}),
    (cv_mobilenet, [1, 2, 3, 4, 5], {}),
    (cv_csp, [2, 3, 4, 5], {"P2": 16, "P5": 48}),
]


def made(make):
    """The backbone, or a skip where its package is not installed."""
    return make(pytest.importorskip("keras_hub" if make.__name__.startswith("hub") else "keras_cv"))


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("make, levels, channels", BACKBONES, ids=lambda value: getattr(value, "__name__", ""))
def test_the_pyramid_is_the_declared_one(make, levels, channels):
    net = made(make)
    pyramid = ks.backbones.build(net)
    assert list(pyramid.output) == [f"P{level}" for level in levels]
    maps = pyramid(np.zeros((1, 64, 96, 3), "float32"))
    for level in levels:
        assert tuple(maps[f"P{level}"].shape[1:3]) == (64 // 2**level, 96 // 2**level)
    assert {level: maps[level].shape[-1] for level in channels} == channels


@pytest.mark.tensorflow_only
def test_images_that_nothing_normalizes():
    """Those of keras-cv do, and so does a model that begins with such a layer."""
    backbone, wanted = made(hub_resnet), "expects normalized images and does not normalize them"
    with pytest.warns(UserWarning, match=wanted) as caught:
        ks.models.UNet(num_classes=3, backbone=backbone)
    assert "\n" not in str(caught[0].message)
    inputs = keras.Input((None, None, 3))
    inside = keras.Model(inputs, backbone(keras.layers.Rescaling(1 / 255)(inputs)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for given in ("torch", False):
            ks.models.UNet(num_classes=3, backbone=backbone, include_preprocessing=given)
        ks.backbones.build(made(cv_resnet))
        ks.backbones.build(inside)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, marks=[] if make in (hub_resnet, cv_mobilenet) else pytest.mark.slow, id=make.__name__)
        for make, *_ in BACKBONES
    ],
)
def test_any_size_and_training(make):
    """Sizes that no stride divides; a step moves the backbone and the decoder."""
    model = ks.models.UNet(num_classes=3, backbone=made(make))
    assert model(IMAGE).shape == (1, 70, 45, 3)
    model.compile("sgd", loss=ks.losses.Crossentropy())
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.trainable_variables]
    model.train_on_batch(IMAGE, np.random.default_rng(0).integers(0, 3, size=(1, 70, 45)))
    after = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    names = [v.path for v in model.trainable_variables]
    assert all(m for m, path in zip(moved, names, strict=True) if path.endswith("/kernel") and "decoder" in path)
    assert any(m for m, path in zip(moved, names, strict=True) if "decoder" not in path)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name",
    ["FPN", "LinkNet", "PSPNet", "DeepLabV3Plus", "SegFormer", "LRASPP", "UNetPlusPlus", "UPerNet", "MAnet", "PAN"],
)
@pytest.mark.parametrize("make", [hub_resnet, cv_resnet], ids=lambda make: make.__name__)
def test_every_decoder(name, make):
    model = ks.models.build(name, num_classes=3, backbone=made(make))
    assert model(IMAGE).shape == (1, 70, 45, 3)


@pytest.mark.tensorflow_only
def test_a_backbone_that_cannot_be_dilated():
    """keras-cv's CSPDarkNet holds a Lambda, of which nothing is known."""
    with pytest.raises(_validation.InputError, match="Pass output_stride=32") as caught:
        ks.models.PSPNet(num_classes=3, backbone=made(cv_csp))
    assert "`output_stride` 8 needs a backbone that can be dilated" in str(caught.value)
    model = ks.models.PSPNet(num_classes=3, backbone=made(cv_csp), output_stride=32)
    assert model(IMAGE).shape == (1, 70, 45, 3)


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("make", [hub_resnet, cv_resnet], ids=lambda make: make.__name__)
def test_saved_and_exported(make, tmp_path):
    model = ks.models.UNet(num_classes=3, backbone=made(make))
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(reloaded.predict(IMAGE, verbose=0), model.predict(IMAGE, verbose=0), atol=1e-5)
    assert ks.export.tflite(model, tmp_path / "m.tflite", input_size=(64, 64)).max_abs_difference < 1e-4


@pytest.mark.tensorflow_only
def test_frozen_and_unfrozen():
    model = ks.models.UNet(num_classes=3, backbone=made(hub_resnet), backbone_trainable=False)
    assert model.get_layer("backbone").trainable_variables == []
    ks.models.unfreeze(model)
    assert model.get_layer("backbone").trainable_variables != []
