"""A model in the form that LiteRT's GPU delegate computes rightly.

Most of what it does not compute it runs all the same, without an error, and the numbers are others. That is shown by
its own run on a Vulkan device in software, in tests/export/test_gpu_form.py.
"""

import functools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg._graph import as_functional
from keras_seg._types import Tensor
from keras_seg.export.delegates.gpu_rules import LARGEST_TEXTURE
from keras_seg.layers.reach_bases import Pointwise
from keras_seg.surgery.copying import LayerCopies, copy_of, rebuilt, weights_shared

# Layers, and those that read them, of which converters or delegates make one.
_KEPT_APART = {
    keras.layers.ZeroPadding2D: (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D),
    keras.layers.Conv2DTranspose: (keras.layers.Activation, keras.layers.ReLU),
}
# The axis of a kernel along which the channels lie that are read.
_CHANNELS_OF_KERNEL = {keras.layers.Conv2D: 2, keras.layers.Conv2DTranspose: 3}


def gpu_form(model: keras.Model) -> keras.Model:
    """The model with other layers that compute the same, wherever it has a graph.

    - Pooling that reads a `ZeroPadding2D`: the delegate takes these zeros for the padding of the pooling, which does
      not count in averages and is below every maximum. An operation between the two keeps them apart.
    - An activation that reads a `Conv2DTranspose`: the delegate refuses the two as one operator, and with it the file.
    - Convolutions that sum up more than 8,192 products per result, and transposed ones whose kernels have more than
      32,768 numbers per filter: the delegate leaves their results zero or random. Parts of the channels are convolved
      one by one and added.

    Args:
        model: keras.Model, of which the result shares the layers that stay as they are.
    """
    if as_functional(model) is None:
        return model
    copies = LayerCopies()
    made = {kind: {} for kind in _KEPT_APART}

    def apart(operation: Any, x: Tensor) -> Any:
        arguments = {"dtype": operation.dtype_policy, "name": f"{operation.name}_input"}
        return copies.call_new(operation, (x,), {}, functools.partial(_Unmerged, **arguments), key="input")

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        first: Any = args[0] if args else None
        for kind, readers in _KEPT_APART.items():
            if isinstance(operation, readers) and id(first) in made[kind]:
                return copies.call(operation, (apart(operation, first), *args[1:]), {})
        if (most := _most_channels(operation)) is not None and first.shape[-1] > most:
            return _in_parts(copies, operation, first, most=most)
        if type(operation) is keras.layers.Conv2DTranspose and operation.activation is not keras.activations.linear:
            changes = {"activation": None, "name": f"{operation.name}_linear"}
            return copies.call_activation(operation, apart(operation, copies.call(operation, args, kwargs, changes)))
        result = copies.call(operation, args, kwargs)
        for kind, results in made.items():
            if isinstance(operation, kind):
                results[id(result)] = result  # Kept, because Python can reuse the id of a deleted tensor.
        return result

    with weights_shared():
        return rebuilt(model, call)


def _most_channels(layer: Any) -> int | None:
    """How many channels a convolution may read so that its kernel fits into a texture; None if it is of another kind.

    The kernel of a transposed convolution has four numbers per row.
    """
    if type(layer) not in _CHANNELS_OF_KERNEL or layer.data_format != "channels_last":
        return None
    if getattr(layer, "groups", 1) > 1:
        return None
    numbers = 4 if isinstance(layer, keras.layers.Conv2DTranspose) else 1
    return max(numbers * LARGEST_TEXTURE // math.prod(layer.kernel_size), 1)


def _in_parts(copies: LayerCopies, layer: Any, x: Tensor, *, most: int) -> Tensor:
    """The result of a convolution as the sum of convolutions of parts of its channels."""
    axis = _CHANNELS_OF_KERNEL[type(layer)]
    channels = layer.kernel.shape[axis]
    count = -(-channels // most)
    edges = [number * channels // count for number in range(count + 1)]

    def step(key: str, make: Any, inputs: Any, weights: Any = list) -> Any:
        return copies.call_new(layer, (inputs,), {}, make, weights=weights, key=key)

    def part(number: int) -> Any:
        first, last, name = edges[number], edges[number + 1], f"part{number}"
        use_bias = layer.use_bias and number == 0
        config = {"use_bias": use_bias, "activation": None, "name": f"{layer.name}_{name}"}

        def weights() -> list[np.ndarray]:
            kernel = ops.convert_to_numpy(layer.kernel)
            return [kernel.take(range(first, last), axis), *([ops.convert_to_numpy(layer.bias)] if use_bias else [])]

        return step(name, functools.partial(copy_of, layer, config), x[..., first:last], weights)

    result = part(0)
    for number in range(1, count):
        key = f"sum{number}"
        arguments = {"dtype": layer.dtype_policy, "name": f"{layer.name}_{key}"}
        result = step(key, functools.partial(keras.layers.Add, **arguments), [result, part(number)])
    return copies.call_activation(layer, result)


class _Unmerged(Pointwise):
    """The input, by an operation that converters and delegates keep."""

    def call(self, inputs: Tensor) -> Tensor:
        return ops.maximum(inputs, float(np.finfo(self.compute_dtype).min))
