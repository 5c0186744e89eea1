"""DPT on plain vision transformers, equal to segmentation_models_pytorch's, and on other backbones."""

import keras
import numpy as np
import pytest
from random_states import image, sample
from test_originals import GOLDEN, state_of

import keras_seg as ks

SIZES = {"smp_dpt": (64, 96), "smp_dpt_tall": (96, 64)}
NARROW = {"stage_filters": (16, 24, 32, 32), "filters": 16}


def vision_transformer(size, *, width=48, blocks=12, heads=3, epsilon=1e-6):
    hub = pytest.importorskip("keras_hub")
    return hub.models.ViTBackbone(
        image_shape=(*size, 3),
        patch_size=16,
        num_layers=blocks,
        num_heads=heads,
        hidden_dim=width,
        mlp_dim=4 * width,
        layer_norm_epsilon=epsilon,
    )


def count(layer):
    return sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)


def build(key="smp_dpt", classes=21, **arguments):
    vit = vision_transformer(SIZES[key], **arguments)
    return ks.models.DPT(classes, backbone=vit, activation=None, include_preprocessing=False, **NARROW)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("key", ["smp_dpt", pytest.param("smp_dpt_tall", marks=pytest.mark.slow)])
def test_scores_equal_the_original(key):
    """Maps at a quarter to all of the depth, each patch joined with the class token, aligned corners."""
    state, model = state_of(key), build(key)
    assert ks.models.convert(state, model) is model
    scores = keras.Model(model.inputs[0], model.get_layer("logits").output)(image(*SIZES[key]), training=False)
    expected = GOLDEN[f"{key}/0"]
    assert expected.std() > 0.05
    found = sample(keras.ops.convert_to_numpy(scores))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))
    # Without the classifier, the normalization in front of it, and the position of the class token, part of that here.
    unused = ("encoder.model.head.", "encoder.model.norm.")
    left = sum(state[name].size for name in state if name.startswith(unused)) + 48
    assert count(model) == GOLDEN[f"{key}/parameters"] - left


@pytest.mark.tensorflow_only
class TestConvert:
    def test_what_does_not_fit(self):
        """Nothing is filled in part, and each message is one line."""
        state, model = state_of("smp_dpt"), build()
        before = model.get_weights()
        without_class = {key: value for key, value in state.items() if "cls_token" not in key}
        shallow = {key: value for key, value in state.items() if "blocks.11." not in key}
        added = {key: value for key, value in state.items() if "projection_blocks" not in key}
        decoder = {key: value for key, value in state.items() if key.startswith("decoder")}
        kernel = "encoder.model.blocks.3.mlp.fc1.weight"
        for weights, message in (
            (shallow, "12 blocks of 48 channels. Received: weights='one of 11 blocks of 48 channels'"),
            (without_class, "weights='one of 12 blocks without a class token'"),
            (added, 'decoder_readout="cat"'),
            (decoder, "must hold a backbone and a decoder"),
            (state_of("smp_deeplabv3"), "without projections"),
            ({key: value for key, value in state.items() if key != kernel}, "lack 'blocks.3.mlp.fc1.weight'"),
            (state | {kernel: np.zeros((192, 47))}, "'blocks.3.mlp.fc1.weight' of shape (192, 47) and not (192, 48)"),
            (state | {"encoder.model.blocks.0.ls1.gamma": np.zeros(48)}, "hold 'blocks.0.ls1.gamma'"),
            (
                state | {"encoder.model.pos_embed": np.zeros((1, 197, 48))},
                "image_shape of the original, such as (224, 224",
            ),
        ):
            with pytest.raises(ks.InputError) as caught:
                ks.models.convert(weights, model)
            assert message in str(caught.value)
            assert "\n" not in str(caught.value)
            for ours, kept in zip(model.get_weights(), before, strict=True):
                np.testing.assert_array_equal(ours, kept)

    def test_other_classes(self):
        state, model = state_of("smp_dpt"), build(classes=3)
        before = model.get_layer("logits").get_weights()
        with pytest.raises(ks.InputError, match=r"scores of 3 classes.*they have 21.*head=False"):
            ks.models.convert(state, model)
        ks.models.convert(state, model, head=False)
        np.testing.assert_array_equal(model.get_layer("logits").get_weights()[0], before[0])
        kernel = model.get_layer("head_conv").get_weights()[0]
        np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), state["segmentation_head.head.0.weight"])

    def test_other_backbones(self):
        for backbone in ("Compact", "DINOV2Backbone"):
            model = self.on(backbone)
            with pytest.raises(ks.InputError, match="must have a ViT of keras-hub with a class token") as caught:
                ks.models.convert(state_of("smp_dpt"), model)
            assert "\n" not in str(caught.value)

    def on(self, backbone):
        if backbone != "Compact":
            hub = pytest.importorskip("keras_hub")
            backbone = hub.models.DINOV2Backbone(
                patch_size=14, num_layers=4, num_heads=3, hidden_dim=48, intermediate_dim=96, image_shape=(70, 70, 3)
            )
        return ks.models.DPT(21, backbone=backbone, activation=None, include_preprocessing=True, **NARROW)

    def test_heads_that_no_shape_shows(self):
        """timm's vit_tiny has three heads; four make another transformer of the same shapes."""
        state = state_of("smp_dpt")
        state["encoder.model.cls_token"] = np.zeros((1, 1, 192))
        with pytest.raises(ks.InputError, match="must have 3 heads of attention in blocks of 192 channels"):
            ks.models.convert(state, build(width=192, heads=4))

    def test_an_epsilon_that_no_shape_shows(self):
        with pytest.raises(ks.InputError, match="epsilon of 1e-06, as timm's.*layer_norm_epsilon=1e-06") as caught:
            ks.models.convert(state_of("smp_dpt"), build(epsilon=1e-5))
        assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_parameters_at_full_width():
    """The decoder on ViT-B and the head of 150 classes, counted in segmentation_models_pytorch."""
    model = ks.models.DPT(150, backbone=vision_transformer((32, 32), width=768, blocks=1, heads=12))
    counts = {True: 0, False: 0}
    for layer in model.layers:
        if layer.name != "backbone":
            counts[layer.name.startswith(("head", "logits"))] += count(layer)
    assert counts == {False: 34_619_904, True: 628_886}


@pytest.mark.tensorflow_only
def test_invalid_calls():
    with pytest.raises(ks.InputError, match="`stage_filters` must hold one number for each of the backbone's 4 maps"):
        ks.models.DPT(3, backbone="Compact", stage_filters=(8, 8))
