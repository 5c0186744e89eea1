"""A model in the form that LiteRT's GPU delegate computes rightly.

The delegate answers neither of the two with an error: it runs the file, and the numbers are others. Both are shown by
its own run on a Vulkan device in software, in tests/export/test_gpu_form.py.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg._graph import as_functional
from keras_seg._types import Tensor
from keras_seg.export.delegates.gpu_rules import LARGEST_TEXTURE
from keras_seg.layers.reach_bases import Pointwise
from keras_seg.surgery.copying import LayerCopies, rebuilt

_POOLING = (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D)


def gpu_form(model: keras.Model) -> keras.Model:
    """The model with other layers that compute the same, wherever it has a graph.

    - Pooling that reads a `ZeroPadding2D`: the delegate takes these zeros for the padding of the pooling, which does
      not count in averages and is below every maximum. An operation between the two keeps them apart.
    - Convolutions that sum up more than 8,192 products per result: the delegate leaves their results zero or random.
      Parts of the channels are convolved one by one and added.

    Args:
        model: keras.Model.
    """
    if as_functional(model) is None:
        return model
    copies = LayerCopies()
    padded = {}

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        if isinstance(operation, _POOLING) and id(args[0]) in padded:
            name = f"{operation.name}_zeros"
            zeros = copies.call_new(
                operation, args[:1], {}, lambda: _Unmerged(dtype=operation.dtype_policy, name=name), key="zeros"
            )
            return copies.call(operation, (zeros, *args[1:]), kwargs)
        if _is_too_large(operation):
            return _in_parts(copies, operation, args[0])
        result = copies.call(operation, args, kwargs)
        if isinstance(operation, keras.layers.ZeroPadding2D):
            padded[id(result)] = result  # Kept, because Python can reuse the id of a deleted tensor.
        return result

    return rebuilt(model, call)


def _is_too_large(layer: Any) -> bool:
    if type(layer) is not keras.layers.Conv2D or layer.groups > 1 or layer.data_format != "channels_last":
        return False
    return math.prod(layer.kernel.shape[:-1]) > LARGEST_TEXTURE


def _in_parts(copies: LayerCopies, layer: Any, x: Tensor) -> Tensor:
    """The result of a convolution as the sum of convolutions of parts of its channels."""
    height, width, channels, filters = layer.kernel.shape
    most = max(LARGEST_TEXTURE // (height * width), 1)
    count = -(-channels // most)
    edges = [number * channels // count for number in range(count + 1)]
    names = ("kernel_size", "strides", "padding", "dilation_rate", "data_format")
    same = {"dtype": layer.dtype_policy, **{name: getattr(layer, name) for name in names}}

    def step(key: str, make: Any, inputs: Any, weights: Any = ()) -> Any:
        return copies.call_new(layer, (inputs,), {}, make, weights=lambda: weights, key=key)

    def part(number: int) -> Any:
        first, last, name = edges[number], edges[number + 1], f"part{number}"
        weights = [ops.convert_to_numpy(layer.kernel)[:, :, first:last]]
        if use_bias := layer.use_bias and number == 0:
            weights.append(ops.convert_to_numpy(layer.bias))
        arguments = {**same, "use_bias": use_bias, "name": f"{layer.name}_{name}"}
        return step(name, lambda: keras.layers.Conv2D(filters, **arguments), x[..., first:last], weights)

    result = part(0)
    for number in range(1, count):
        key = f"sum{number}"
        arguments = {"dtype": layer.dtype_policy, "name": f"{layer.name}_{key}"}
        result = step(key, lambda arguments=arguments: keras.layers.Add(**arguments), [result, part(number)])
    activation = keras.activations.serialize(layer.activation)
    arguments = {"dtype": layer.dtype_policy, "name": layer.name}
    return step("activation", lambda: keras.layers.Activation(activation, **arguments), result)


class _Unmerged(Pointwise):
    """The input, by an operation that converters and delegates keep."""

    def call(self, inputs: Tensor) -> Tensor:
        return ops.maximum(inputs, float(np.finfo(self.compute_dtype).min))
