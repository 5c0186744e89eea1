"""The weights of keras-hub's SegFormer under the names that files of transformers have."""

import operator
import re

import keras
import numpy as np

from keras_seg import _validation

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


def state_of_hub(segmenter: keras.Model) -> dict[str, np.ndarray]:
    """The state dict of a `keras_hub.models.SegFormerImageSegmenter`.

    Raises:
        InputError: if the model is another one.
    """
    if type(segmenter).__name__ != "SegFormerImageSegmenter":
        fix = "Pass a state dict, its file, or keras_hub.models.SegFormerImageSegmenter.from_preset(...)."
        _validation.fail("weights", "must not be a model of Keras, except for that of keras-hub", segmenter.name, fix)
    backbone = operator.attrgetter("backbone")(segmenter)
    classes = operator.attrgetter("output_segmentation_head")(segmenter)
    layers = {f"segformer.encoder.{name}": layer for name, layer in _encoder_layers(backbone.image_encoder).items()}
    layers |= {f"decode_head.linear_c.{index}.proj": linear for index, linear in enumerate(backbone.mlp_blocks)}
    fuse, normalize = backbone.linear_fuse.layers[:2]
    layers |= {"decode_head.linear_fuse": fuse, "decode_head.batch_norm": normalize, "decode_head.classifier": classes}
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
