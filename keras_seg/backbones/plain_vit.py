"""Plain vision transformers of keras-hub as pyramids: maps of one stride, at four depths, resized."""

import sys
from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import graph_nodes
from keras_seg._types import Tensor
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers.resize2d import Resize2D
from keras_seg.layers.vision_transformer_maps import VisionTransformerMaps, blocks_of

_STRIDES = (4, 8, 16, 32)
_KINDS = ("ViTBackbone", "DINOV2Backbone", "DINOV3Backbone")
_LAYER = "transformer"


def is_plain_vit(backbone: Any) -> bool:
    """Whether `backbone` is a plain vision transformer of keras-hub."""
    hub = sys.modules.get("keras_hub")
    kinds = tuple(kind for name in _KINDS if (kind := getattr(hub and hub.models, name, None)) is not None)
    return isinstance(backbone, kinds)


def plain_vit_pyramid(backbone: Any) -> keras.Model:
    """A model from a normalized image of any size to the pyramid of a plain vision transformer.

    The maps after a quarter, half, three quarters and all of the blocks become those of stride 4, 8, 16 and 32. They
    are resized without weights, so that nothing in a pretrained backbone is untrained.
    """
    layer = _maps_of(backbone)
    image = keras.Input((None, None, layer.kernel.shape[2]), name="image")
    maps = _resized(layer(image), layer.stride, _STRIDES)
    return keras.Model(image, _by_level(maps), name=backbone.name)


def transformer_of(encoder: keras.Model) -> VisionTransformerMaps | None:
    """The layer of a plain vision transformer in the pyramid made of it, None for any other encoder."""
    node = _node(encoder)
    return None if node is None else node.operation


def patch_stride(encoder: keras.Model) -> int | None:
    """The stride of the patches of a plain vision transformer, None for any other encoder."""
    layer = transformer_of(encoder)
    return None if layer is None else layer.stride


def undilated(encoder: keras.Model, output_stride: int) -> keras.Model | None:
    """A plain vision transformer with no map coarser than `output_stride`, or None for any other encoder.

    Nothing in it was strided, so there is nothing to dilate: the coarser maps are resized less. A map that the encoder
    has under a second name, for an auxiliary head, keeps that name.
    """
    node = _node(encoder)
    if node is None:
        return None
    strides = [min(stride, output_stride) for stride in _STRIDES]
    maps: Any = encoder.output
    pyramid = _by_level(_resized(node.outputs, node.operation.stride, strides))
    level_of_map = {id(maps[level]): level for level in pyramid if level in maps}
    others = {name: pyramid[level_of_map[id(map)]] for name, map in maps.items() if name not in pyramid}
    return keras.Model(encoder.inputs[0], {**pyramid, **others}, name=encoder.name)


def with_readout(encoder: keras.Model) -> tuple[keras.Model, bool]:
    """A plain vision transformer with its four maps as they are, and whether tokens are joined with a class token."""
    node = _node(encoder)
    assert node is not None, encoder
    layer = node.operation.with_readout()
    maps = _by_level(layer(node.input_tensors[0]))
    return keras.Model(encoder.inputs[0], maps, name=encoder.name), layer.prefix_tokens > 0


def _node(encoder: keras.Model) -> Any:
    """The node of the transformer in the graph of an encoder, or None."""
    return next((node for node in graph_nodes(encoder) if isinstance(node.operation, VisionTransformerMaps)), None)


def _by_level(maps: list[Tensor]) -> dict[str, Tensor]:
    return dict(zip(map(level_of, _STRIDES), maps, strict=True))


def _maps_of(backbone: Any) -> VisionTransformerMaps:
    embedding = _layer_with(backbone, "patch_embedding", "patch_embeddings")
    encoder = _layer_with(backbone, "encoder_layers", "layers")
    normalization = getattr(backbone, "layernorm", None)
    projection = getattr(embedding, "patch_embedding", None) or embedding.patch_embeddings.projection
    patch, other = projection.kernel_size
    if patch != other:
        _validation.fail("backbone", "must have square patches", f"patches of {patch}x{other}")
    grid, prefix, positions = _tokens(embedding, patch)
    blocks = len(blocks_of(encoder))
    layer = VisionTransformerMaps(
        encoder,
        normalization,
        patch_size=patch,
        stride=_nearest_power(patch),
        width=projection.filters,
        # As many blocks between the maps as possible; the last map is the last block's.
        depths=[max(1, blocks * quarter // 4) for quarter in (1, 2, 3, 4)],
        prefix_tokens=0 if prefix is None else prefix.shape[1],
        grid=grid,
        rope_theta=getattr(backbone, "rope_theta", None),
        dtype=backbone.dtype_policy,
        name=_LAYER,
    )
    layer.build((None, None, None, projection.kernel.shape[2]))
    layer.kernel.assign(projection.kernel)
    if projection.use_bias:
        layer.bias.assign(projection.bias)
    if prefix is not None:
        layer.prefix.assign(prefix)
    if positions is not None:
        layer.positions.assign(positions)
    return layer


def _tokens(embedding: Any, patch: int) -> tuple[tuple[int, int] | None, Any, Any]:
    """(rows and columns of the learned positions, tokens that belong to no patch, positions) of an embedding.

    The position of the class token is added to it.
    """
    ops = keras.ops
    prefix = getattr(embedding, "cls_token", getattr(embedding, "class_token", None))
    if hasattr(embedding, "position_embedding"):
        size, table = embedding.image_size, embedding.position_embedding.embeddings[None]
    elif hasattr(embedding, "interpolated_position_embeddings"):
        size, table = embedding.image_shape, embedding.interpolated_position_embeddings
    else:
        size = table = None
    grid = positions = None
    if size is not None and table is not None:
        grid = (size[0] // patch, size[1] // patch)
        table = ops.convert_to_tensor(table)
        if prefix is not None:
            prefix, table = ops.add(prefix, table[:, :1]), table[:, 1:]
        positions = ops.reshape(table, (1, *grid, -1))
    if getattr(embedding, "num_register_tokens", 0):
        prefix = ops.concatenate([prefix, embedding.register_tokens], axis=1)
    return grid, prefix, positions


def _resized(maps: list[Tensor], stride: int, strides: Sequence[int]) -> list[Tensor]:
    """`maps` of one `stride`, resized to those given."""
    found = []
    for number, (x, wanted) in enumerate(zip(maps, strides, strict=True), start=1):
        name = f"map{number}_stride{wanted}"
        if wanted < stride:
            x = Resize2D(stride // wanted, name=name)(x)
        elif wanted > stride:
            x = keras.layers.MaxPooling2D(wanted // stride, name=name)(x)
        found.append(x)
    return found


def _layer_with(backbone: Any, *attributes: str) -> Any:
    """The layer of a backbone that has one of these attributes, or None."""
    return next((layer for layer in backbone.layers if any(hasattr(layer, name) for name in attributes)), None)


def _nearest_power(size: int) -> int:
    """The power of two nearest to `size`: 16 for patches of 14 pixels."""
    below = 2 ** (size.bit_length() - 1)
    return below if size - below <= 2 * below - size else 2 * below
