"""The names of DPT's decoder and of its vision transformer in state dicts of segmentation_models_pytorch."""

import re
from collections.abc import Container, Mapping
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg.backbones.plain_vit import transformer_of
from keras_seg.backbones.state_dict import Matching, inside
from keras_seg.layers.vision_transformer_maps import VisionTransformerMaps
from keras_seg.models.parts.smp_heads import PREFIXES as PREFIXES
from keras_seg.models.parts.smp_heads import UNUSED as UNUSED

MODEL = "DPT"
# A layer that no other model has.
MARK = "fusion1_project"
BACKBONES = ()

# What wraps timm's transformer.
_WRAPPERS = ("encoder.", "model.")
# Behind the last map: a normalization in one of two forms, and the classifier.
_BEHIND = ("norm", "fc_norm", "head")
# Of the normalizations in timm's transformers.
_EPSILON = 1e-6
# The attention heads of timm's transformers by their channels: vit_tiny, small, base, large and huge.
_HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}

_HEAD = {"head_conv": "0", "head_norm": "1", "logits": "4"}
_REASSEMBLED = {"project": "project_to_out_channel", "resize": "upsample", "features": "project_to_feature_dim"}


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `DPT` is."""
    if layer in _HEAD:
        return f"segmentation_head.head.{_HEAD[layer]}"
    if found := re.fullmatch(r"stage(\d)_(\w+)", layer):
        index, part = int(found[1]) - 1, found[2]
        if part == "readout":
            return f"decoder.projection_blocks.{index}.project.0"
        return f"decoder.reassemble_blocks.{index}.{_REASSEMBLED.get(part, part)}"
    if found := re.fullmatch(r"fusion(\d)_unit(\d)_(\d)_(conv|norm)", layer):
        block, unit, number, part = f"decoder.fusion_blocks.{4 - int(found[1])}", *found.groups()[1:]
        return f"{block}.residual_conv_block{unit}.{'conv' if part == 'conv' else 'batch_norm'}_{number}"
    if found := re.fullmatch(r"fusion(\d)_project", layer):
        return f"decoder.fusion_blocks.{4 - int(found[1])}.project"
    return layer


def check(model: Any, name: str | None, arrays: Mapping[str, np.ndarray]) -> None:
    """Fail where the model differs from the original in what would be read as weights that do not fit."""
    transformer = _transformer(model)
    if "decoder.projection_blocks.0.project.0.weight" not in arrays:
        fix = 'Only decoder_readout="cat", the default of segmentation_models_pytorch, has a model here.'
        _validation.fail("weights", "must join tokens with the class token", "a state dict without projections", fix)
    encoder = inside(arrays, _WRAPPERS)
    blocks = {key.split(".")[1] for key in encoder if key.startswith("blocks.")}
    found = (len(blocks), encoder["cls_token"].shape[-1] if "cls_token" in encoder else None)
    wanted = (len(transformer.encoder.encoder_layers), transformer.width)
    if found != wanted:
        rule = f"must be of a transformer with a class token and {wanted[0]} blocks of {wanted[1]} channels"
        fix = "Build the model with backbone=keras_hub.models.ViTBackbone(...) of that size."
        channels = "without a class token" if found[1] is None else f"of {found[1]} channels"
        given = f"one of {found[0]} blocks {channels}"
        _validation.fail("weights", rule, given, fix)
    heads = transformer.encoder.num_heads
    if _HEADS.get(transformer.width, heads) != heads:
        rule = f"must have {_HEADS[transformer.width]} heads of attention in blocks of {transformer.width} channels"
        _validation.fail("model", rule, f"{heads} heads", "Build its ViTBackbone with as many num_heads.")
    norms = [norm for block in transformer.encoder.encoder_layers for norm in (block.layer_norm_1, block.layer_norm_2)]
    epsilons = sorted({norm.epsilon for norm in norms})
    if epsilons != [_EPSILON]:
        rule = f"must have normalizations with an epsilon of {_EPSILON}, as timm's transformers"
        fix = f"Build its ViTBackbone with layer_norm_epsilon={_EPSILON}."
        _validation.fail("model", rule, ", ".join(map(str, epsilons)), fix)
    rows, columns = transformer.grid or (0, 0)
    positions = len(encoder["pos_embed"][0]) - 1 if encoder.get("pos_embed", np.zeros(0)).ndim == 3 else 0
    if positions != rows * columns:
        side = transformer.patch_size * round(positions**0.5)
        rule = f"must have positions of {rows}x{columns} patches, as the model has"
        fix = f"Build its ViTBackbone with the image_shape of the original, such as ({side}, {side}, 3)."
        _validation.fail("weights", rule, f"{positions} positions", fix)


def matched_encoder(model: keras.Model, arrays: Mapping[str, np.ndarray], source: str) -> Matching:
    """The weights of a model's vision transformer among `arrays`."""
    layer, arrays = _transformer(model), inside(arrays, _WRAPPERS)
    width, heads, patch = layer.width, layer.encoder.num_heads, layer.patch_size
    channels = layer.kernel.shape[2]
    matching = Matching(arrays, model.name, source)
    match = matching.match_variable
    match(layer.kernel, "patch_embed.proj.weight", (width, channels, patch, patch), lambda a: a.transpose(2, 3, 1, 0))
    match(layer.bias, "patch_embed.proj.bias", (width,))
    shape = (1, 1 + layer.grid[0] * layer.grid[1], width)
    match(layer.positions, "pos_embed", shape, lambda a: a[:, 1:].reshape(layer.positions.shape))
    # The position of the class token is added to it here.
    first = arrays.get("pos_embed", np.zeros((1, 1, width)))[:, :1]
    match(layer.prefix, "cls_token", (1, 1, width), lambda a: a + first)

    def dense(part: Any, module: str, inputs: int, outputs: int) -> None:
        match(part.kernel, f"{module}.weight", (outputs, inputs), lambda a: a.T.reshape(part.kernel.shape))
        if part.bias is not None:
            match(part.bias, f"{module}.bias", (outputs,))

    def normalization(part: Any, module: str) -> None:
        match(part.gamma, f"{module}.weight", (width,))
        match(part.beta, f"{module}.bias", (width,))

    for number, block in enumerate(layer.encoder.encoder_layers):
        module = f"blocks.{number}"
        for index, name in enumerate(("query_dense", "key_dense", "value_dense")):
            part, own = getattr(block.mha, f"_{name}"), slice(index * width, (index + 1) * width)
            kernel, bias = part.kernel, part.bias
            match(
                kernel, f"{module}.attn.qkv.weight", (3 * width, width),
                lambda a, own=own: a[own].T.reshape(width, heads, -1),
            )  # fmt: skip
            if bias is not None:
                match(bias, f"{module}.attn.qkv.bias", (3 * width,), lambda a, own=own: a[own].reshape(heads, -1))
        dense(block.mha._output_dense, f"{module}.attn.proj", width, width)
        normalization(block.layer_norm_1, f"{module}.norm1")
        normalization(block.layer_norm_2, f"{module}.norm2")
        dense(block.mlp.dense_1, f"{module}.mlp.fc1", width, block.mlp_dim)
        dense(block.mlp.dense_2, f"{module}.mlp.fc2", block.mlp_dim, width)
    if "norm.weight" in arrays:
        normalization(layer.last, "norm")
    matching.check_rest(_BEHIND)
    return matching


def _transformer(model: keras.Model) -> VisionTransformerMaps:
    """The ViT of a model; an error for all other backbones."""
    layer = transformer_of(model.get_layer("backbone"))
    blocks = getattr(layer and layer.encoder, "encoder_layers", ())
    if layer is None or layer.prefix_tokens != 1 or not all(hasattr(block, "mha") for block in blocks) or not blocks:
        rule = "must have a ViT of keras-hub with a class token for its backbone"
        fix = "Pass ks.models.DPT(num_classes, backbone=keras_hub.models.ViTBackbone(...))."
        _validation.fail("model", rule, model.name, fix)
    return layer
