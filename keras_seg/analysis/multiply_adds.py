"""The number of multiply-adds per image."""

import math
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import image_graph, replay_opened
from keras_seg._types import Size, Tensor

# Their weights may have several axes, and none of them is a kernel.
_NOT_COUNTED = (keras.layers.LayerNormalization, keras.layers.Normalization, keras.layers.PReLU)


def multiply_adds(model: keras.Model, *, input_size: Size | None = None) -> int:
    """Multiply-adds of a network's convolutions and dense layers for one image.

    This is the usual measure of a network's cost, also called MACs, half of its FLOPs. Biases, normalizations,
    activations, poolings and interpolations are not counted: they cost memory traffic rather than arithmetic. A custom
    layer is counted by its method `multiply_adds(input_shape)`, as `keras_seg.layers.UpsampleConv` is, whose exact
    fused form needs fewer than the layers it stands for.

    Args:
        model: functional `keras.Model` with one image as input.
        input_size: int or pair of ints (height, width), or None for the model's own size. Defaults to None.

    Returns:
        int.

    Raises:
        InputError: if the model is not functional, the size is unknown, or a layer has kernels but is of an unknown
            kind.

    Examples:
        >>> import keras, keras_seg as ks
        >>> image = keras.Input((None, None, 3))
        >>> model = keras.Model(image, keras.layers.Conv2D(8, 3, strides=2, padding="same")(image))
        >>> ks.analysis.multiply_adds(model, input_size=64) == (32 * 32) * (3 * 3 * 3 * 8)
        True
    """
    model = image_graph(model)
    image = model.inputs[0]
    own = tuple(image.shape[1:3])
    if input_size is None and None in own:
        _validation.fail("input_size", "must be given for a model that takes any size", input_size, "Pass 256.")
    size = own if input_size is None else _validation.pair("input_size", input_size)
    total = 0

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        nonlocal total
        outputs = operation.compute_output_spec(*args, **kwargs)
        total += _cost(operation, args[0] if args else None, keras.tree.flatten(outputs)[0])
        return outputs

    replay_opened(model, keras.KerasTensor((1, *size, image.shape[-1]), dtype=image.dtype), call)
    return total


def _cost(operation: Any, inputs: Tensor, output: Tensor) -> int:
    if hasattr(operation, "multiply_adds"):
        return operation.multiply_adds(keras.tree.map_structure(lambda tensor: tuple(tensor.shape), inputs))
    if isinstance(operation, keras.layers.SeparableConv2D):
        kernels = operation.depthwise_kernel, operation.pointwise_kernel
        return _places(output) * sum(math.prod(kernel.shape) for kernel in kernels)
    if isinstance(operation, keras.layers.Conv2DTranspose):
        return _places(inputs) * math.prod(operation.kernel.shape)
    if isinstance(operation, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)):
        return _places(output) * math.prod(operation.kernel.shape)
    if isinstance(operation, _NOT_COUNTED):
        return 0
    if any(len(weight.shape) > 1 for weight in getattr(operation, "weights", ())):
        name = f"{operation.name} ({type(operation).__name__})"
        fix = "Give the layer a method multiply_adds(input_shape)."
        _validation.fail("model", "must be made of layers whose arithmetic is known", name, fix)
    return 0


def _places(tensor: Tensor) -> int:
    """How many vectors of channels a tensor of one image holds."""
    return math.prod(tensor.shape[1:-1])
