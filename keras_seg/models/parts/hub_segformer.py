"""The weights of keras-hub's SegFormer under the names that files of transformers have."""

import operator
import re
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg.backbones import mix_transformer

_BLOCK = {
    "norm1": "layer_norm_1",
    "attn.q": "attention.self.query",
    "attn.k": "attention.self.key",
    "attn.v": "attention.self.value",
    "attn.sr": "attention.self.sr",
    "attn.norm": "attention.self.layer_norm",
    "attn.proj": "attention.output.dense",
    "norm2": "layer_norm_2",
    "mlp.fc1": "mlp.dense1",
    "mlp.dwconv": "mlp.dwconv.dwconv",
    "mlp.fc2": "mlp.dense2",
}
_PARAMETERS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


_KINDS = ("SegFormerImageSegmenter", "SegFormerBackbone")


def is_hub_segformer(model: Any) -> bool:
    """Whether `model` is keras-hub's segmenter or what it has below its classes."""
    return type(model).__name__ in _KINDS


def parts_of_hub(model: Any) -> tuple[Any, Any]:
    """(backbone, layer of the classes or None) of a SegFormer of keras-hub."""
    if type(model).__name__ == "SegFormerBackbone":
        return model, None
    return model.backbone, model.output_segmentation_head


def variant_of_hub(backbone: Any, argument: str = "weights") -> str:
    """The name here of the Mix Transformer in a `keras_hub.models.SegFormerBackbone`.

    Raises:
        InputError: if its sizes, heads or strides are not those of a published one. No weight shows the last two.
    """
    encoder = backbone.image_encoder
    names = ("hidden_dims", "layerwise_depths", "layerwise_num_heads", "layerwise_sr_ratios", "layerwise_strides")
    given = tuple(tuple(getattr(encoder, name, ())) for name in names)
    alike = (mix_transformer.HEADS, mix_transformer.REDUCTIONS, mix_transformer.STRIDES)
    found = next((name for name, sizes in mix_transformer.VARIANTS.items() if given == (*sizes, *alike)), None)
    if found is None:
        rule = f"must be of a SegFormer on one of {', '.join(mix_transformer.VARIANTS)}, as published"
        text = ", ".join(f"{name}={list(value)}" for name, value in zip(names, given, strict=True))
        _validation.fail(argument, rule, text)
    return found


def state_of_hub(model: keras.Model) -> dict[str, np.ndarray]:
    """The state dict of a `keras_hub.models.SegFormerImageSegmenter`, or of a `SegFormerBackbone` without classes.

    Raises:
        InputError: if the model is another one.
    """
    if not is_hub_segformer(model):
        fix = "Pass a state dict, its file, or keras_hub.models.SegFormerImageSegmenter.from_preset(...)."
        _validation.fail("weights", "must not be a model of Keras, except for that of keras-hub", model.name, fix)
    backbone, classes = parts_of_hub(model)
    variant_of_hub(backbone)
    layers = {f"segformer.encoder.{name}": layer for name, layer in _encoder_layers(backbone.image_encoder).items()}
    layers |= {f"decode_head.linear_c.{index}.proj": linear for index, linear in enumerate(backbone.mlp_blocks)}
    fuse, normalize = backbone.linear_fuse.layers[:2]
    layers |= {"decode_head.linear_fuse": fuse, "decode_head.batch_norm": normalize}
    if classes is not None:
        layers["decode_head.classifier"] = classes
    return {
        f"{name}.{_PARAMETERS.get(weight.name, 'bias' if weight.name == 'bias' else 'weight')}": _array(weight)
        for name, layer in layers.items()
        for weight in layer.weights
    }


def _encoder_layers(encoder: keras.Model) -> dict[str, keras.layers.Layer]:
    layers = {}
    norms = [layer for layer in encoder.layers if isinstance(layer, keras.layers.LayerNormalization)]
    for index, norm in enumerate(norms):
        embedding = encoder.get_layer(f"patch_and_embed_{index}")
        layers[f"layer_norm.{index}"] = norm
        layers[f"patch_embeddings.{index}.proj"] = embedding.proj
        layers[f"patch_embeddings.{index}.layer_norm"] = embedding.norm
    for block in encoder.layers:
        found = re.fullmatch(r"hierarchical_encoder_(\d+)_(\d+)", block.name)
        if found is None:
            continue
        for ours, theirs in _BLOCK.items():
            if hasattr(block.attn, "sr") or ours not in ("attn.sr", "attn.norm"):
                layers[f"block.{found[1]}.{found[2]}.{theirs}"] = operator.attrgetter(ours)(block)
    return layers


def _array(weight: keras.Variable) -> np.ndarray:
    """The weight in PyTorch's layout: (filters, channels, ...)."""
    array = np.asarray(keras.ops.convert_to_numpy(weight), "float32")
    if array.ndim == 4:
        # A depthwise kernel has its channels in place of the filters, and one in place of the channels.
        depthwise = "depthwise" in weight.path or "dwconv" in weight.path
        return array.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    return array.T if array.ndim == 2 else array
