"""Attention between the positions of maps."""

import math
from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._memory import installed_memory
from keras_seg._types import Tensor
from keras_seg.layers.map_lists import is_map_list
from keras_seg.layers.reach import EVERYTHING, Reaches


@keras.saving.register_keras_serializable("keras_seg")
class Attention2D(keras.layers.Layer):
    """Each position of a map of queries becomes a weighted mean of the values at all positions of another map.

    The weights are the softmax of the scaled products of its query with all keys, for each head separately. The layer
    has no weights of its own: 1x1 convolutions before it make queries, keys and values.

    Args:
        heads: int. Groups of channels that attend independently.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the list `[query, key, value]`. Keys and values may have fewer positions than queries.

    Input shape: `[(batch, height, width, channels), (batch, rows, columns, channels), (batch, rows, columns, any)]`.

    Output shape: `(batch, height, width, any)`, with the channels of the values.

    Raises:
        InputError: if `heads` is invalid, or the inputs are not three maps with channels that the heads divide.

    Examples:
        >>> import numpy as np
        >>> query, key = np.zeros((1, 2, 2, 4)), np.ones((1, 1, 3, 4))
        >>> value = np.array([1.0, 2.0, 6.0]).reshape(1, 1, 3, 1)
        >>> np.array(Attention2D(1)([query, key, value])).ravel().tolist()
        [3.0, 3.0, 3.0, 3.0]

    Reference: Vaswani et al., "Attention Is All You Need", NIPS 2017, section 3.2.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = _validation.integer("heads", heads)

    def build(self, input_shape: Any) -> None:
        if not is_map_list(input_shape, 3):
            rule = "must be the list [query, key, value] of (batch, height, width, channels)"
            _validation.fail("inputs", rule, input_shape)
        query, key, value = (shape[-1] for shape in input_shape)
        if query != key or query % self.heads or value % self.heads:
            rule = f"must have queries and keys of the same channels, and channels that {self.heads} heads divide"
            _validation.fail("inputs", rule, (query, key, value))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        query, key, value = inputs
        batch, height, width, _ = ops.shape(query)
        # Scaled first, so that half precision does not overflow in the sum over channels.
        query = self._by_head(query / math.sqrt(query.shape[-1] // self.heads), batch, (0, 2, 1, 3))
        scores = ops.matmul(query, self._by_head(key, batch, (0, 2, 3, 1)))
        if scores.shape[-1] == 1:  # Keras warns of a softmax over one number, which is 1.
            weights = ops.ones_like(scores)
        else:
            weights = ops.cast(ops.softmax(ops.cast(scores, "float32"), axis=-1), scores.dtype)
        x = ops.transpose(ops.matmul(weights, self._by_head(value, batch, (0, 2, 1, 3))), (0, 2, 1, 3))
        return ops.reshape(x, (-1, height, width, value.shape[-1]))

    def _by_head(self, x: Tensor, batch: Any, order: tuple[int, ...]) -> Tensor:
        """The axes batch, positions, heads, and channels per head of a map, in another `order`.

        One unknown size is left to the reshaping: each that a graph works out costs ten operations and their gradients.
        """
        sizes, parts = x.shape[1:3], (self.heads, x.shape[-1] // self.heads)
        known = None not in sizes
        positions = (-1, math.prod(sizes)) if known else (batch, -1)
        return ops.transpose(ops.reshape(x, (*positions, *parts)), order)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return EVERYTHING

    def multiply_adds(self, input_shape: Any) -> int:
        """Those of the scores and of the weighted means; see `keras_seg.analysis.multiply_adds`."""
        query, key, value = input_shape
        return math.prod(query[1:3]) * math.prod(key[1:3]) * (key[-1] + value[-1])

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        query, _, value = input_shape
        return (*query[:3], value[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable("keras_seg")
class JointAttention2D(Attention2D):
    """Attention between all positions whose weights sum to 1 over all pairs, not for each query.

    The products are not scaled. The result, (positions, channels), is read as (channels, height, width) without being
    transposed, which mixes places and channels: so does the code with which the published weights were trained. The
    matrix of pairs has no compressed form, and the layer refuses maps for which it would exceed the memory.

    Args:
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the list `[query, key, value]` of maps of the same size.

    Input shape: `[(batch, height, width, channels), (batch, height, width, channels), (batch, height, width, any)]`.

    Output shape: `(batch, height, width, any)`, with the channels of the values.

    Raises:
        InputError: if the inputs are not three such maps, or attention between their positions would take more than the
            memory of the machine.

    Examples:
        >>> import numpy as np
        >>> same = np.zeros((1, 2, 2, 4))
        >>> value = np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 2, 2, 1)
        >>> np.array(JointAttention2D()([same, same, value])).ravel().tolist()
        [0.75, 0.75, 0.75, 0.75]

    Reference: Fan, Wang, Li and Wang, "MA-Net: A Multi-Scale Attention Network for Liver and Tumor Segmentation", IEEE
        Access 2020, section III.B, in the form of segmentation_models_pytorch.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(heads=1, **kwargs)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        _check_memory(input_shape[0])

    def call(self, inputs: Tensor) -> Tensor:
        query, _, value = inputs
        _check_memory(query.shape)
        batch, height, width, _ = ops.shape(query)
        # In full precision throughout: a weight of many pairs is too small for half precision.
        query, key, value = (ops.cast(x, "float32") for x in inputs)
        scores = ops.matmul(self._by_head(query, batch, (0, 2, 1, 3)), self._by_head(key, batch, (0, 2, 3, 1)))
        weights = ops.exp(scores - ops.stop_gradient(ops.max(scores, axis=(-2, -1), keepdims=True)))
        x = ops.matmul(weights, self._by_head(value, batch, (0, 2, 1, 3)))
        x = x / ops.sum(weights, axis=(-2, -1), keepdims=True)
        x = ops.transpose(ops.reshape(x, (-1, value.shape[-1], height, width)), (0, 2, 3, 1))
        return ops.cast(x, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["heads"]
        return config


def _check_memory(shape: Any) -> None:
    """Fail if the pairs of positions of a map of this shape, where it is known, take more than the memory."""
    batch, height, width, _ = shape
    memory = installed_memory()
    if memory is None or not isinstance(height, int) or not isinstance(width, int):
        return
    # The products and their exponentials, float32.
    needed = 8 * (height * width) ** 2 * (batch if isinstance(batch, int) else 1)
    if needed > memory:
        rule = f"must leave attention between all positions, which takes {_gib(needed)} here, below {_gib(memory)}"
        fix = "Use a smaller image, or tiles: keras_seg.inference.TiledPredictor."
        _validation.fail("inputs", f"{rule} of memory", f"a map of {height}x{width}", fix)


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"
