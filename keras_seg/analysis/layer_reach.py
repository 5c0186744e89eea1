"""How a layer reads its inputs: its own `receptive_reach`, or the rules for Keras' layers."""

import fractions
from typing import Any

from keras_seg.layers.reach import (
    EVERYTHING,
    UNKNOWN,
    Reach,
    Reaches,
    of_axis,
    reach_of_window,
    regions,
    scaled,
    shifted,
    transposed,
    window_of_layer,
)

# Elementwise along the spatial axes, or over channels only. Layers and `keras.ops` share many of these names.
# fmt: off
_POINTWISE = frozenset({
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Identity", "Masking", "Dense", "Dropout",
    "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization",
    "BatchNormalization", "UnitNormalization", "Normalization", "Rescaling", "LayerScale",
    "StochasticDepth", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Divide",
    "TrueDivide", "Power", "Negative", "Absolute", "Abs", "Square", "Sqrt", "Exp", "Log", "Log1p", "Tanh",
    "Cast", "Clip", "Where", "Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "LeakyRelu", "Elu", "Selu", "Celu",
    "Softplus", "Softsign", "LogSoftmax", "HardSigmoid", "HardSilu", "HardTanh",
})
# fmt: on
_WINDOWED = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "MaxPooling2D", "AveragePooling2D"})
_OVER_EVERYTHING = frozenset({"Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"})
_OVER_REGIONS = frozenset({"AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"})
_STATISTICS_OF_EVERYTHING = frozenset({"GroupNormalization", "MultiHeadAttention", "GroupedQueryAttention"})


def reach_of(
    operation: Any,
    position: int,
    axis: int,
    *,
    size: int | None,
    output_size: int | None = None,
    scale: fractions.Fraction | None = None,
) -> Reaches:
    """How `operation` reads its input number `position` along `axis`, 0 for rows and 1 for columns.

    A layer's own method `receptive_reach` decides (see `keras_seg.layers.reach`). Keras' layers and their subclasses
    are recognized by class name.

    Args:
        operation: a layer or another operation of a functional graph.
        position: int. Which of its input maps.
        axis: int, 0 or 1.
        size: int or None. Units along the axis; None is read as a multiple of every stride.
        output_size: int or None. Units along the axis of the output.
        scale: fraction or None. Units of this input per unit of the last input.

    Returns:
        A list of `Reach`, the layer's own last; None if only the input's size is used; `EVERYTHING` or `UNKNOWN`.
    """
    if hasattr(operation, "receptive_reach"):
        return operation.receptive_reach(position, axis, size=size, output_size=output_size, scale=scale)
    for cls in type(operation).__mro__:
        found = _reach_by_name(cls.__name__, operation, axis, size)
        if found is not UNKNOWN:
            return found
    return UNKNOWN


def _reach_by_name(name: str, operation: Any, axis: int, size: int | None) -> Reaches:
    if name in _POINTWISE or (name == "LayerNormalization" and operation.axis in (-1, 3, [-1], [3])):
        return []
    if name in _WINDOWED:
        return [reach_of_window(operation, axis, size)]
    if name == "Conv2DTranspose":
        return [transposed(*window_of_layer(operation, axis), operation.padding)]
    if name in _OVER_EVERYTHING:
        return EVERYTHING if size is None else [Reach(1, ((0, size - 1),))]
    if name in _OVER_REGIONS:
        return regions(size, of_axis(operation.output_size, axis))
    if name in _STATISTICS_OF_EVERYTHING or name == "LayerNormalization":
        return EVERYTHING
    if name == "ZeroPadding2D":
        return [shifted(-operation.padding[axis][0])]
    if name == "Cropping2D":
        return [shifted(operation.cropping[axis][0])]
    if name == "UpSampling2D":
        return scaled(1, of_axis(operation.size, axis), operation.interpolation)
    return UNKNOWN
