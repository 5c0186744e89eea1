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
    "LocalResponseNormalization", "ValidSize", "MinimumSize",
    "StochasticDepth", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Divide",
    "TrueDivide", "Power", "Negative", "Absolute", "Abs", "Square", "Sqrt", "Exp", "Log", "Log1p", "Tanh",
    "Cast", "Clip", "Where", "Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "LeakyRelu", "Elu", "Selu", "Celu",
    "Softplus", "Softsign", "LogSoftmax", "HardSigmoid", "HardSilu", "HardTanh",
})
# fmt: on
_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D"})
_POOLINGS = frozenset({"MaxPooling2D", "AveragePooling2D", "DilatedPooling2D", "MaxPoolingWithArgmax2D"})
_OVER_EVERYTHING = frozenset({"Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"})
_OVER_REGIONS = frozenset({"AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"})
_STATISTICS_OF_EVERYTHING = frozenset({"GroupNormalization", "MultiHeadAttention", "GroupedQueryAttention"})
# Layers whose last input lends its size and nothing else.
_SIZED_BY = {"CropLike": 1, "MaxUnpooling2D": 2}


def readings(operation, position, axis, *, size, output_size=None):
    """How `operation` reads its input number `position` along `axis`, 0 for rows and 1 for columns.

    Layers are told by the names of their classes, subclasses of a known layer included, so that those of packages above
    this one count too.

    Args:
        operation: a layer or another operation of a functional graph.
        position: int, which of the maps it takes.
        axis: int, 0 or 1.
        size: int or None, the units along the axis. None is read as a multiple of every stride.
        output_size: int or None, the units along the axis of what the operation makes.

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
            return [_transposed(*window_of(operation, axis), operation.padding)]
        if name == "ChannelDeconvolution2D":
            return [_transposed(operation.kernel_size, operation.strides, 1, operation.padding)]
        if name in _OVER_EVERYTHING:
            return Whole if size is None else [Reading(1, ((0, size - 1),))]
        if name in _OVER_REGIONS:
            return _regions(operation, axis, size)
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
            return scaled(1, _of_axis(operation.size, axis), getattr(operation, "interpolation", "nearest"))
        if name == "MaxUnpooling2D":
            return [_unpooled(_of_axis(operation.pool_size, axis), size, output_size)]
        if name == "UpsampleConv":
            half = (operation.kernel_size - 1) // 2
            convolution = Reading(1, ((-half, half),))
            if operation.normalization == "group":
                return Whole
            return [convolution] if position else [*scaled(1, 2, operation.interpolation), convolution]
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
    strides = kernel if layer.strides is None else layer.strides
    return _of_axis(kernel, axis), _of_axis(strides, axis), _of_axis(getattr(layer, "dilation_rate", 1), axis)


def _window(layer, axis, size):
    kernel, stride, dilation = window_of(layer, axis)
    extent = (kernel - 1) * dilation + 1
    before = 0
    if layer.padding == "same":
        before = padding_before(extent, stride, size)
    elif layer.padding != "valid":
        before = layer.padding[axis][0]
    return Reading(stride, ((-before, extent - 1 - before),))


def _transposed(kernel, stride, dilation, padding):
    """Input i is spread over outputs `i * stride - cut + dilation * t`, so output o reads a few inputs around o/stride.

    Where the kernel is smaller than the stride, outputs that no input reaches count with their neighbor.
    """
    extent = (kernel - 1) * dilation + 1
    cut = max(extent - stride, 0) // 2 if padding == "same" else 0
    phases = []
    for phase in range(stride):
        last = (phase + cut) // stride
        phases.append((min(-((extent - 1 - phase - cut) // stride), last), last))
    return Reading(1, tuple(phases))


def resized(size, output_size, interpolation):
    """A map of `size` units resized to `output_size`."""
    if size == 1:
        return [Reading(1, ((0, 0),) * output_size)]
    divisor = math.gcd(size, output_size)
    return scaled(size // divisor, output_size // divisor, interpolation)


def scaled(step, count, interpolation):
    """`count` units made of each `step`: with half-pixel centers output o lies at `(o + 1/2) step / count - 1/2`.

    Places beyond the ends count as padding.
    """
    if interpolation == "nearest":
        return [Reading(step, tuple(((2 * o + 1) * step // (2 * count),) * 2 for o in range(count)))]
    if interpolation != "bilinear":
        return Unknown
    # Whole numbers, so that no rounding decides which units are read.
    places = [(2 * o + 1) * step - count for o in range(count)]
    return [Reading(step, tuple((place // (2 * count), -(-place // (2 * count))) for place in places))]


def _regions(layer, axis, size):
    """Region i of k covers `floor(i n / k)` up to, not including, `ceil((i + 1) n / k)` of n units."""
    if size is None:
        return Whole
    count = _of_axis(layer.size if hasattr(layer, "size") else layer.output_size, axis)
    divisor = math.gcd(size, count)
    phases = tuple((i * size // count, -(-(i + 1) * size // count) - 1) for i in range(count // divisor))
    return [Reading(size // divisor, phases)]


def _unpooled(window, size, output_size):
    """Each unit reads the one that was made of its window. Windows of more than two are centerd on the map, as the
    pooling's are, when their ends reach beyond it.
    """
    offset = 0
    if window > 2 and size is not None and output_size is not None:
        offset = max(size * window - output_size, 0) // 2
    return Reading(1, tuple(((phase + offset) // window,) * 2 for phase in range(window)))


def _over_channels(layer):
    return layer.axis in (-1, 3, [-1], [3])


def _shifted(by):
    return Reading(1, ((by, by),))


def _of_axis(value, axis):
    return value[axis] if isinstance(value, (tuple, list)) else value
