"""DPT on plain vision transformers, equal to segmentation_models_pytorch's, and on other backbones."""

import re

import keras
import numpy as np
import pytest
from random_states import image, sample
from test_originals import GOLDEN, state_of

import keras_seg as ks
from keras_seg.backbones.state_dict import Matching, inside

SIZES = {"smp_dpt": (64, 96), "smp_dpt_tall": (96, 64)}
NARROW = {"stage_filters": (16, 24, 32, 32), "filters": 16}


def vision_transformer(size, *, width=48, blocks=12, heads=3):
    hub = pytest.importorskip("keras_hub")
    return hub.models.ViTBackbone(
        image_shape=(*size, 3),
        patch_size=16,
        num_layers=blocks,
        num_heads=heads,
        hidden_dim=width,
        mlp_dim=4 * width,
    )


def fill(vit, state, *, heads=3):
    """The weights of timm's transformer in that of keras-hub."""

    def linear(name):
        return state[f"{name}.weight"].T, state[f"{name}.bias"]

    def normalization(name):
        return [state[f"{name}.weight"], state[f"{name}.bias"]]

    embedding, encoder = vit.layers[1:]
    embedding.class_token.assign(state["cls_token"])
    kernel = state["patch_embed.proj.weight"].transpose(2, 3, 1, 0)
    embedding.patch_embedding.set_weights([kernel, state["patch_embed.proj.bias"]])
    embedding.position_embedding.set_weights([state["pos_embed"][0]])
    encoder.layer_norm.set_weights(normalization("norm"))
    for number, block in enumerate(encoder.encoder_layers):
        name = f"blocks.{number}"
        kernel, bias = linear(f"{name}.attn.qkv")
        attention = []
        for part, offset in zip(np.split(kernel, 3, axis=1), np.split(bias, 3), strict=True):
            attention += [part.reshape(len(part), heads, -1), offset.reshape(heads, -1)]
        kernel, bias = linear(f"{name}.attn.proj")
        attention += [kernel.reshape(heads, -1, len(bias)), bias]
        block.layer_norm_1.set_weights(normalization(f"{name}.norm1"))
        block.mha.set_weights(attention)
        block.layer_norm_2.set_weights(normalization(f"{name}.norm2"))
        block.mlp.set_weights([*linear(f"{name}.mlp.fc1"), *linear(f"{name}.mlp.fc2")])


def module_of(layer):
    """The module that a layer of the decoder is in segmentation_models_pytorch."""
    if found := re.fullmatch(r"stage(\d)_(\w+)", layer):
        index, part = int(found[1]) - 1, found[2]
        modules = {"project": "project_to_out_channel", "resize": "upsample", "features": "project_to_feature_dim"}
        return (
            f"decoder.projection_blocks.{index}.project.0"
            if part == "readout"
            else f"decoder.reassemble_blocks.{index}.{modules[part]}"
        )
    if found := re.fullmatch(r"fusion(\d)_(?:unit(\d)_(\d)_)?(\w+)", layer):
        block, unit, number, part = f"decoder.fusion_blocks.{4 - int(found[1])}", *found.groups()[1:]
        return f"{block}.residual_conv_block{unit}.{_PARTS[part]}_{number}" if unit else f"{block}.{part}"
    return {
        "head_conv": "segmentation_head.head.0",
        "head_norm": "segmentation_head.head.1",
        "logits": "segmentation_head.head.4",
    }[layer]


_PARTS = {"conv": "conv", "norm": "batch_norm"}


def count(layer):
    return sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("key", ["smp_dpt", pytest.param("smp_dpt_tall", marks=pytest.mark.slow)])
def test_scores_equal_the_original(key):
    """Maps at a quarter to all of the depth, each patch joined with the class token, aligned corners."""
    state, vit = state_of(key), vision_transformer(SIZES[key])
    encoder = inside(state, ["encoder.model."])
    fill(vit, encoder)
    model = ks.models.DPT(21, backbone=vit, activation=None, **NARROW)
    decoder = [layer for layer in model.layers if layer.weights and layer.name != "backbone"]
    matching = Matching(state, "dpt", "the state")
    matching.match(decoder, module_of)
    matching.assign()
    scores = keras.Model(model.inputs[0], model.get_layer("logits").output)(image(*SIZES[key]), training=False)
    expected = GOLDEN[f"{key}/0"]
    assert expected.std() > 0.05
    found = sample(keras.ops.convert_to_numpy(scores))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))
    # Without the classifier, the normalization in front of it, and the position of the class token, part of that here.
    left = sum(encoder[name].size for name in encoder if name.startswith(("head.", "norm."))) + 48
    assert count(model) == GOLDEN[f"{key}/parameters"] - left


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
