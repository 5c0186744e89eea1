"""Which units of its input each kind of layer reads, along one axis."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the units along one axis read of the axis before.

    With `n = len(phases)`, unit `n * m + r` reads the units from `advance * m + phases[r][0]` to
    `advance * m + phases[r][1]`, both included: a convolution of stride 2 has one phase and advances by 2, an
    enlargement by 2 has two phases and advances by 1.
    """

    advance: int
    phases: tuple


class Whole:
    """In place of readings: every unit depends on all of the axis, whatever its length."""


class Unknown:
    """In place of readings: nothing is known about the layer."""


# Elementwise along the spatial axes, or over channels only. Layers and `keras.ops` share many of these names.
# fmt: off
_POINTWISE = frozenset({
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Identity", "Masking", "Dense", "Dropout",
    "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization",
    "BatchNormalization", "UnitNormalization", "Normalization", "Rescaling", "Preprocessing", "LayerScale",
    "StochasticDepth", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Divide",
    "TrueDivide", "Power", "Negative", "Absolute", "Abs", "Square", "Sqrt", "Exp", "Log", "Log1p", "Tanh",
    "Cast", "Clip", "Where", "Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "LeakyRelu", "Elu", "Selu", "Celu",
    "Softplus", "Softsign", "LogSoftmax", "HardSigmoid", "HardSilu", "HardTanh",
})
# fmt: on
_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D"})
_POOLINGS = frozenset({"MaxPooling2D", "AveragePooling2D", "DilatedPooling2D", "MaxPoolingWithArgmax2D"})
_OVER_EVERYTHING = frozenset(
    {"Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"}
)
_STATISTICS_OF_EVERYTHING = frozenset({"GroupNormalization", "MultiHeadAttention", "GroupedQueryAttention"})
# Layers whose last input lends its size and nothing else.
_SIZED_BY = {"CropLike": 1, "MaxUnpooling2D": 2}


def readings(operation, position, axis, size):
    """How `operation` reads its input number `position` along `axis`, 0 for rows and 1 for columns.

    Layers are told by the names of their classes, subclasses of a known layer included, so that those of packages above
    this one count too.

    Args:
        operation: a layer or another operation of a functional graph.
        position: int, which of the maps it takes.
        axis: int, 0 or 1.
        size: int or None, the units along the axis. None is read as a multiple of every stride.

    Returns:
        A list of `Reading`s, the layer's own last; None where only the input's size is used; `Whole` or `Unknown`.
    """
    names = [cls.__name__ for cls in type(operation).__mro__]
    for name in names:
        if _SIZED_BY.get(name) == position:
            return None
        if name in _CONVOLUTIONS or name in _POOLINGS:
            return [_window(operation, axis, size)]
        if name == "Conv2DTranspose":
            return [_transposed(operation, axis)]
        if name in _OVER_EVERYTHING:
            return _everything(operation, axis, size)
        if name == "LayerNormalization" and _over_channels(operation):
            return []
        if name in _STATISTICS_OF_EVERYTHING or name == "LayerNormalization":
            return Whole
        if name == "ZeroPadding2D":
            return [_shifted(-operation.padding[axis][0])]
        if name == "Cropping2D":
            return [_shifted(operation.cropping[axis][0])]
        if name == "CropLike":
            return [_shifted(operation.offset[axis])]
        if name == "PadToStride":
            return [_shifted(-operation.margin[axis])] if operation.margin[axis] else []
        if name in _POINTWISE:
            return []
        if name in ("UpSampling2D", "Resize2D", "BedOfNails2D", "PixelShuffle2D"):
            return _enlarged(_of_axis(operation.size, axis), getattr(operation, "interpolation", "nearest"))
        if name == "MaxUnpooling2D":
            return _enlarged(_of_axis(operation.pool_size, axis), "nearest")
        if name == "UpsampleConv":
            half = (operation.kernel_size - 1) // 2
            convolution = Reading(1, ((-half, half),))
            if operation.normalization == "group":
                return Whole
            return [convolution] if position else [*_enlarged(2, operation.interpolation), convolution]
    return Unknown


def padding_before(window, stride, size):
    """Pixels that "same" padding puts in front of an axis: half of what is missing, rounded down, as in TensorFlow.

    `window` is the kernel's extent, dilation included. Where the size is not known it is taken to be a multiple of the
    stride.
    """
    if size is None:
        return max(window - stride, 0) // 2
    return max((-(-size // stride) - 1) * stride + window - size, 0) // 2


def window_of(layer, axis):
    """(kernel, stride, dilation) of a convolution or pooling along an axis."""
    kernel = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
    return _of_axis(kernel, axis), _of_axis(layer.strides, axis), _of_axis(getattr(layer, "dilation_rate", 1), axis)


def _window(layer, axis, size):
    kernel, stride, dilation = window_of(layer, axis)
    extent = (kernel - 1) * dilation + 1
    before = 0
    if layer.padding == "same":
        before = padding_before(extent, stride, size)
    elif layer.padding != "valid":
        before = layer.padding[axis][0]
    return Reading(stride, ((-before, extent - 1 - before),))


def _transposed(layer, axis):
    """Input i is spread over outputs `i * stride - cut + dilation * t`, so output o reads a few inputs around o/stride.

    Where the kernel is smaller than the stride, outputs that no input reaches count with their neighbour.
    """
    kernel, stride, dilation = window_of(layer, axis)
    extent = (kernel - 1) * dilation + 1
    cut = max(extent - stride, 0) // 2 if layer.padding == "same" else 0
    phases = []
    for phase in range(stride):
        last = (phase + cut) // stride
        phases.append((min(-((extent - 1 - phase - cut) // stride), last), last))
    return Reading(1, tuple(phases))


def _everything(layer, axis, size):
    """A window as large as the map, which is what Flatten and global pooling are at the model's own size."""
    if "Adaptive" in type(layer).__name__ and _of_axis(layer.output_size, axis) != 1:
        return Unknown
    return Whole if size is None else [Reading(1, ((0, size - 1),))]


def _over_channels(layer):
    return layer.axis in (-1, 3, [-1], [3])


def _shifted(by):
    return Reading(1, ((by, by),))


def _enlarged(factor, interpolation):
    """Half-pixel centres: output o lies at `(o + 1/2) / factor - 1/2` of the input."""
    if interpolation == "nearest":
        return [Reading(1, ((0, 0),) * factor)]
    if interpolation != "bilinear":
        return Unknown
    places = [(phase + 0.5) / factor - 0.5 for phase in range(factor)]
    return [Reading(1, tuple((math.floor(place), math.ceil(place)) for place in places))]


def _of_axis(value, axis):
    return value[axis] if isinstance(value, (tuple, list)) else value
