"""The maps of a plain vision transformer, for images of any size."""

import math
from fractions import Fraction
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Tensor
from keras_seg.layers.frozen_parts import freeze_parts
from keras_seg.layers.reach import Reaches, of_everything, window
from keras_seg.layers.resize2d import bicubic_to_size


@keras.saving.register_keras_serializable("keras_seg")
class VisionTransformerMaps(keras.layers.Layer):
    """A plain vision transformer as maps of its patches at several depths.

    The image is cut into patches, which become tokens; further tokens that belong to no patch come first. After each
    of the blocks `depths`, the tokens of the patches are laid out as a map again, normalized by the last layer of the
    transformer, as in the evaluation of DINOv2. Learned positions are resized bicubically for images that have another
    number of patches than those of the training.

    `stride` is that of the maps. Where it is not the size of the patches, the image is resized first, so that each
    `stride` pixels become one patch: patches of 14 pixels give maps of stride 16.

    Args:
        encoder: keras.layers.Layer. The blocks: one of keras-hub's encoders of ViT, DINOv2 or DINOv3.
        normalization: keras.layers.Layer or None. The last layer, where it is not the `encoder`'s own. Defaults to
            None.
        patch_size: int. Pixels per side of a patch.
        stride: int. Of the maps.
        width: int. Channels of a token.
        depths: sequence of ints. The number of blocks before each map.
        prefix_tokens: int. Tokens that belong to no patch; the first is the class token. Defaults to 0.
        grid: pair of ints or None. Rows and columns of the learned positions, None where there are none. Defaults to
            None.
        rope_theta: float or None. The base of the rotations by which the blocks of DINOv3 know positions, None for
            others. Defaults to None.
        readout: bool. True joins the channels of each token with those of the class token, and leaves out the
            normalization, as DPT does. Defaults to False.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, with sides that are multiples of `stride`.

    Output shape: a list of `(batch, height / stride, width / stride, width)`, twice the width with `readout`.

    Raises:
        InputError: if the sides of the image are no multiples of `stride`.

    Reference: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, section 3.1; Oquab et al., "DINOv2",
        2023, section 7.4.
    """

    def __init__(
        self,
        encoder: Any,
        normalization: Any = None,
        *,
        patch_size: int,
        stride: int,
        width: int,
        depths: Any,
        prefix_tokens: int = 0,
        grid: Any = None,
        rope_theta: float | None = None,
        readout: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder, self.normalization = encoder, normalization
        self.patch_size, self.stride, self.width = patch_size, stride, width
        self.depths, self.prefix_tokens = tuple(depths), prefix_tokens
        self.grid = None if grid is None else tuple(grid)
        self.rope_theta, self.readout = rope_theta, readout
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: Any) -> None:
        self._check_size(input_shape)
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)

        def add(name: str, *shape: int, initial: Any = initializer) -> Any:
            return self.add_weight(shape=shape, initializer=initial, name=name)

        self.kernel = add("kernel", self.patch_size, self.patch_size, input_shape[-1], self.width)
        self.bias = add("bias", self.width, initial="zeros")
        self.prefix = add("prefix", 1, self.prefix_tokens, self.width) if self.prefix_tokens else None
        self.positions = None if self.grid is None else add("positions", 1, *self.grid, self.width)
        for layer in (self.encoder, self.normalization):
            if layer is not None and not layer.built:
                layer.build((None, None, self.width))
        for layer in self.unread():
            layer.trainable = False
        freeze_parts(self)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        self._check_size(inputs.shape)
        x = inputs
        if self.stride != self.patch_size:
            size = [side // self.stride * self.patch_size for side in _ops.spatial_size(x)]
            x = _ops.resize(x, (size[0], size[1]), "bilinear")
        x = ops.conv(x, ops.cast(self.kernel, x.dtype), strides=self.patch_size, padding="valid")
        x = x + ops.cast(self.bias, x.dtype)
        size = _ops.spatial_size(x)
        rotations = {}
        if self.rope_theta is not None:
            rotations = {"position_embeddings": self._rotations(size), "num_prefix_tokens": self.prefix_tokens}
        if self.positions is not None:
            trained = all(isinstance(side, int) for side in size) and size == self.grid
            positions = self.positions if trained else bicubic_to_size(self.positions, size)
            x = x + ops.cast(positions, x.dtype)
        x = ops.reshape(x, (ops.shape(x)[0], -1, self.width))
        if self.prefix is not None:
            # Added to zeros that have the batch of the image.
            prefix = ops.zeros_like(x[:, :1]) + ops.cast(self.prefix, x.dtype)
            x = ops.concatenate([prefix, x], axis=1)
        maps = []
        for number, block in enumerate(self._blocks(), start=1):
            x = block(x, **rotations)
            if number in self.depths:
                maps += [self._map(x, size)] * self.depths.count(number)
        return maps

    def _rotations(self, size: tuple[Any, Any]) -> tuple[Tensor, Tensor]:
        """Cosines and sines per patch, which keras-hub's own layer computes for known sizes alone."""
        assert self.rope_theta is not None
        steps = np.arange(0, 1, 4 * self.encoder.num_heads / self.width)
        frequencies = (2 * math.pi / self.rope_theta**steps).astype("float32")
        rows, columns = (
            ((ops.arange(length, dtype="float32") + 0.5) / ops.cast(length, "float32") * 2 - 1)[:, None] * frequencies
            for length in size
        )
        rows, columns = rows[:, None] + ops.zeros_like(columns), ops.zeros_like(rows)[:, None] + columns
        angles = ops.reshape(ops.concatenate([rows, columns, rows, columns], axis=-1), (-1, 4 * len(frequencies)))
        return ops.cast(ops.cos(angles), self.compute_dtype), ops.cast(ops.sin(angles), self.compute_dtype)

    def _map(self, x: Tensor, size: tuple[Any, Any]) -> Tensor:
        patches = x[:, self.prefix_tokens :]
        if self.readout:
            if self.prefix_tokens:
                patches = ops.concatenate([patches, ops.zeros_like(patches) + x[:, :1]], axis=-1)
        else:
            patches = self.last(patches)
        return ops.reshape(patches, (-1, *size, patches.shape[-1]))

    @property
    def last(self) -> Any:
        """The last layer of the transformer."""
        return self.encoder.layer_norm if self.normalization is None else self.normalization

    def unread(self) -> list[Any]:
        """Layers whose results no map has. They stay frozen, as Keras warns of weights without gradients."""
        return [self.last] if self.readout else []

    def _blocks(self) -> list[Any]:
        return blocks_of(self.encoder)

    def with_readout(self) -> "VisionTransformerMaps":
        """The layer with `readout` that shares the blocks of this one, and has its embedding."""
        config = {
            **self.get_config(),
            "encoder": self.encoder,
            "normalization": self.normalization,
        }
        other = VisionTransformerMaps(**{**config, "readout": True})
        other.build((None, None, None, self.kernel.shape[2]))
        for name in ("kernel", "bias", "prefix", "positions"):
            if getattr(self, name) is not None:
                getattr(other, name).assign(getattr(self, name))
        return other

    def _check_size(self, shape: Any) -> None:
        for side in shape[1:3]:
            if isinstance(side, int) and side % self.stride:
                fix = "Pad the image with keras_seg.layers.PadToStride, as the models of keras_seg.models do."
                rule = f"must have sides that are multiples of {self.stride}, for whole patches"
                _validation.fail("inputs", rule, f"{shape[1]}x{shape[2]}", fix)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return of_everything([window(self.stride, self.stride, 0)])

    def multiply_adds(self, input_shape: Any) -> int:
        """Those of the patches, the linear layers and the attention; see `keras_seg.analysis.multiply_adds`."""
        patches = math.prod(side // self.stride for side in input_shape[1:3])
        tokens = patches + self.prefix_tokens
        blocks = self._blocks()[: max(self.depths)]
        linear = sum(math.prod(weight.shape) for block in blocks for weight in block.weights if len(weight.shape) > 1)
        attention = len(blocks) * 2 * tokens**2 * self.width
        return patches * math.prod(self.kernel.shape) + tokens * linear + attention

    def compute_output_shape(self, input_shape: Any) -> list[tuple[Any, ...]]:
        self._check_size(input_shape)
        batch, *sides, _ = input_shape
        width = 2 * self.width if self.readout and self.prefix_tokens else self.width
        map = (batch, *(side and side // self.stride for side in sides), width)
        return [map for _ in self.depths]

    def get_config(self) -> dict[str, Any]:
        nested = {name: getattr(self, name) for name in ("encoder", "normalization")}
        return {
            **super().get_config(),
            **{name: layer and keras.saving.serialize_keras_object(layer) for name, layer in nested.items()},
            "patch_size": self.patch_size,
            "stride": self.stride,
            "width": self.width,
            "depths": self.depths,
            "prefix_tokens": self.prefix_tokens,
            "grid": self.grid,
            "rope_theta": self.rope_theta,
            "readout": self.readout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "VisionTransformerMaps":
        nested = {
            name: config[name] and keras.saving.deserialize_keras_object(config[name])
            for name in ("encoder", "normalization")
        }
        return cls(**{**config, **nested})


def blocks_of(encoder: Any) -> list[Any]:
    """The blocks of one of keras-hub's encoders."""
    return encoder.encoder_layers if hasattr(encoder, "encoder_layers") else encoder.layers
