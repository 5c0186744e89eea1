"""A patch classifier turned into a model that takes images of any size."""

import dataclasses
import math
import warnings
from typing import Any, NoReturn

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._graph import image_graph, replay_opened
from keras_seg._types import Tensor
from keras_seg.analysis import receptive_field
from keras_seg.layers.minimum_size import MinimumSize
from keras_seg.layers.reach import padding_around, window_of_layer
from keras_seg.surgery.affine import BATCH_NORMALIZATIONS, as_affine, as_float64
from keras_seg.surgery.copying import LayerCopies, Traced, config_of, original_outputs, split_arguments

_WINDOWED = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
)
# What is replaced, by exact type: a subclass may compute something else.
_GLOBAL_POOLINGS = {
    keras.layers.GlobalAveragePooling2D: keras.layers.AveragePooling2D,
    keras.layers.GlobalMaxPooling2D: keras.layers.MaxPooling2D,
}
_RESHAPES = (keras.layers.Flatten, keras.layers.Reshape)
_DROPOUTS = (
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization,
)
_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Softmax,
    keras.layers.Identity,
)
_MERGES = (
    keras.layers.Add,
    keras.layers.Subtract,
    keras.layers.Multiply,
    keras.layers.Average,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Concatenate,
)
_HEADS = "The head may be Flatten or global pooling, Dense, BatchNormalization, Dropout and activations."


def convolutionalize(model: keras.Model) -> Any:
    """Turn a patch classifier into a model that classifies every patch of an image of any size in one pass.

    Flatten and the Dense layer after it become a "valid" convolution whose kernel is as large as the map, and later
    Dense layers become 1x1 convolutions, with the same weights. Global pooling becomes pooling over windows of the
    map's size with stride 1. A BatchNormalization between Flatten and Dense is folded into the convolution. The output
    at (i, j) is that of the patch whose upper left corner is at `(i * S, j * S)`, where S is the product of the
    strides. N pixels give `floor((N - P) / S) + 1` positions, where P is the patch size.

    **The result equals the literal sliding window** (`keras_seg.inference.sliding_window`) up to rounding when no layer
    pads. Where layers pad ("same"), a separate patch has zeros beyond its border and the image has pixels there, so the
    two differ near the borders of each window. A warning then names these layers, and
    `keras_seg.inference.window_difference` measures the difference.

    For an output at every pixel: `keras_seg.inference.shift_and_stitch`, or `keras_seg.surgery.dilate` with
    `output_stride=1` on the result.

    Args:
        model: `keras.Model`, Sequential or functional. Maps one image of a fixed size, the patch, to a vector
            `(batch, classes)`. It is not changed; the result has copies of its weights.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, rows, columns, classes)`.

    Raises:
        InputError: if the model has no fixed input size, its head has other layers than these, or a layer before the
            head reads the whole patch.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> patches = ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1))
        >>> anywhere = ks.surgery.convolutionalize(patches)
        >>> tuple(anywhere(np.zeros((1, 53, 60, 1))).shape) == (1, 6, 8, 10)
        True

    Reference:
        Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 3.1,
        "Adapting classifiers for dense prediction"; Sermanet et al., "OverFeat", 2014, section 3.5.
    """
    model = image_graph(model)
    image = model.inputs[0]
    patch = tuple(image.shape[1:3])
    if None in patch:
        fix = "Its size is the patch: build it with, say, input_shape=(64, 64, 3)."
        _validation.fail("model", "must have a fixed input size", tuple(image.shape), fix)
    if len(model.outputs) != 1 or len(model.outputs[0].shape) not in (2, 4):
        _validation.fail("model", "must have one output (batch, classes)", [tuple(t.shape) for t in model.outputs])

    margin, exact = _margin(model, patch)
    inputs = keras.Input((None, None, image.shape[-1]), dtype=image.dtype, name=_name_of(image))
    x = MinimumSize(patch, "the patch of the classifier", name="at_least_a_patch")(inputs)
    if any(margin):
        # No window reads these pixels. If they stayed, an image could have a last window without a whole patch.
        x = keras.layers.Cropping2D(tuple((0, rest) for rest in margin), name="unused_margin")(x)
    surgeon = _Surgeon()
    start = _Value(x, keras.KerasTensor(image.shape, dtype=image.dtype))
    result = replay_opened(model, start, surgeon.call)[id(model.outputs[0])]
    if not result.vector or result.flat is not None:
        _validation.fail("model", "must end in a classifier's head", model.outputs[0].shape, _HEADS)
    if not exact:
        warnings.warn(_inexact(model, surgeon.padded), stacklevel=2)
    anywhere = keras.Model(inputs, result.tensor, name=f"{model.name}_convolutional")
    # The spec that Keras makes does not check the number of channels when it is 1.
    anywhere.input_spec = keras.layers.InputSpec(shape=inputs.shape, name=inputs.name)
    return anywhere


@dataclasses.dataclass(frozen=True)
class _Flat:
    """A map that Flatten made a vector: its shape, and the BatchNormalization since then as scale and offset."""

    shape: tuple
    scale: np.ndarray | None = None
    offset: np.ndarray | None = None

    @property
    def key(self) -> str:
        """Equal where a Dense layer becomes the same convolution."""
        arrays = [None if array is None else hash(array.tobytes()) for array in (self.scale, self.offset)]
        return f"{self.shape} {arrays}"


@dataclasses.dataclass(frozen=True)
class _Value(Traced):
    """A tensor of the new graph: in the trunk, or in the head (`vector`), where each pixel represents one patch."""

    vector: bool = False
    flat: _Flat | None = None


class _Surgeon:
    """Puts each layer, or its replacement, into the new graph."""

    def __init__(self) -> None:
        self.copies = LayerCopies()
        self.padded = []

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        values, tensors, specs = split_arguments(args, kwargs)
        outputs = original_outputs(operation, specs)
        if len({value.vector for value in values}) > 1:
            _unfit(operation, "joins a map with a value of the whole patch, as a squeeze-and-excitation gate does")
        if len(outputs) != 1:
            results = keras.tree.flatten(self.copies.call(operation, *tensors))
            return [_Value(t, spec, values[0].vector) for t, spec in zip(results, outputs, strict=True)]
        if not values[0].vector:
            return self._trunk(operation, values[0], tensors, outputs[0])
        flats = [value.flat for value in values if value.flat is not None]
        if flats:
            return self._flattened(operation, values[0], tensors, outputs[0], flat=flats[0])
        return self._vector(operation, values[0], tensors, outputs[0])

    def _trunk(self, operation: Any, value: _Value, tensors: tuple[Any, Any], output: Any) -> _Value:
        if type(operation) in _GLOBAL_POOLINGS:
            pooling = _GLOBAL_POOLINGS[type(operation)]
            return _Value(self._window_pooling(operation, value, pooling), output, vector=True)
        if len(output.shape) == 2:
            if type(operation) not in _RESHAPES:
                _unfit(operation, "cannot be applied to every window")
            shape = tuple(value.spec.shape[1:])
            return _Value(value.tensor, output, vector=True, flat=_Flat(shape) if shape[:2] != (1, 1) else None)
        adaptive = type(operation).__name__.startswith("Adaptive")  # By name: the oldest supported Keras lacks them.
        whole = (keras.layers.Reshape, keras.layers.Permute, *_GLOBAL_POOLINGS)
        if adaptive or len(output.shape) != 4 or isinstance(operation, whole):
            _unfit(operation, "cannot be applied to every window")
        changes = {}
        if isinstance(operation, _WINDOWED) and operation.padding == "same":
            if self._pads(operation, value):
                self.padded.append(operation.name)
            else:
                # The windows fit the patch without padding, so on an image, too, only whole windows count.
                changes = {"padding": "valid"}
        elif isinstance(operation, keras.layers.ZeroPadding2D):
            self.padded.append(operation.name)
        args, kwargs = tensors
        return _Value(self.copies.call(operation, args, kwargs, changes), output)

    def _window_pooling(self, operation: Any, value: Any, pooling: Any) -> Any:
        size = tuple(value.spec.shape[1:3])

        def make() -> Any:
            return pooling(size, strides=1, dtype=operation.dtype_policy, name=operation.name)

        return self.copies.call_new(operation, (value.tensor,), {}, make, key=str(size))

    @staticmethod
    def _pads(layer: keras.layers.Layer, value: _Value) -> bool:
        for axis in (0, 1):
            kernel, stride, dilation = window_of_layer(layer, axis)
            extent, size = (kernel - 1) * dilation + 1, value.size(axis)
            if any(padding_around(extent, stride, size)):
                return True
        return False

    def _vector(self, operation: Any, value: _Value, tensors: tuple[Any, Any], output: Any) -> _Value:
        if type(operation) in _RESHAPES:
            if math.prod(output.shape[1:]) != output.shape[-1]:
                _unfit(operation, "cannot be applied to every window")
            return _Value(value.tensor, output, vector=True)
        if type(operation) is keras.layers.Dense:
            return _Value(self._convolution(operation, value, _Flat((1, 1, value.spec.shape[-1]))), output, vector=True)
        changes = {}
        if isinstance(operation, (keras.layers.BatchNormalization, keras.layers.LayerNormalization)):
            changes = {"axis": -1}
        elif isinstance(operation, (keras.layers.Concatenate, keras.layers.Softmax)):
            if operation.axis not in (-1, len(output.shape) - 1):
                _unfit(operation, "does not work along the last axis")
            changes = {"axis": -1}
        elif isinstance(operation, keras.layers.Conv2D):
            if tuple(operation.kernel_size) != (1, 1):
                _unfit(operation, "comes after the global pooling and is larger than 1x1")
        elif not isinstance(operation, (*_DROPOUTS, *_ACTIVATIONS, *_MERGES)):
            _unfit(operation, "is not allowed in a head")
        args, kwargs = tensors
        return _Value(self.copies.call(operation, args, kwargs, changes), output, vector=True)

    def _flattened(
        self, operation: Any, value: _Value, tensors: tuple[Any, Any], output: Any, *, flat: _Flat
    ) -> _Value:
        if type(operation) is keras.layers.Dense:
            return _Value(self._convolution(operation, value, flat), output, vector=True)
        if type(operation) in BATCH_NORMALIZATIONS:
            scale, offset = as_affine(operation)
            if flat.scale is not None:
                scale, offset = scale * flat.scale, scale * flat.offset + offset
            flat = dataclasses.replace(flat, scale=scale, offset=offset)
            return _Value(value.tensor, output, vector=True, flat=flat)
        if isinstance(operation, _DROPOUTS):
            return _Value(self.copies.call(operation, *tensors), output, vector=True, flat=flat)
        if not isinstance(operation, _ACTIVATIONS) or _is_softmax(operation):
            _unfit(operation, "is not allowed between Flatten and Dense")
        if flat.scale is not None:
            _unfit(operation, "follows a BatchNormalization of flattened features; put both before Flatten")
        return _Value(self.copies.call(operation, *tensors), output, vector=True, flat=flat)

    def _convolution(self, dense: Any, value: Any, flat: Any) -> Any:
        """The convolution that computes the same as a Dense layer on `flat`."""
        config = config_of(dense)
        use_bias = dense.use_bias or flat.scale is not None

        def make() -> Any:
            kept = ("name", "dtype", "trainable", "activation", "kernel_initializer", "kernel_regularizer")
            return keras.layers.Conv2D.from_config(
                {
                    **{key: config[key] for key in kept},
                    "filters": dense.units,
                    "kernel_size": flat.shape[:2],
                    "use_bias": use_bias,
                    "bias_initializer": config["bias_initializer"],
                    "bias_regularizer": config["bias_regularizer"],
                }
            )

        def weights() -> Any:
            kernel = as_float64(dense.kernel)
            bias = as_float64(dense.bias) if dense.use_bias else np.zeros(dense.units)
            if flat.scale is not None:
                bias = bias + flat.offset @ kernel
                kernel = kernel * flat.scale[:, None]
            # Keras flattens rows, columns, channels in this order.
            return [kernel.reshape(*flat.shape, dense.units), bias][: 1 + use_bias]

        return self.copies.call_new(dense, (value.tensor,), {}, make, weights=weights, key=flat.key)


def _margin(model: keras.Model, patch: tuple[int, int]) -> tuple[tuple[float, float], bool]:
    """((rows, columns) at the far end of the patch that no unit reads, whether the sliding window is equaled)."""
    try:
        field = receptive_field(model)
    except _validation.InputError:
        return (0, 0), False
    top, left, bottom, right = field.box(0, 0)
    if top < 0 or left < 0 or bottom > patch[0] or right > patch[1]:
        return (0, 0), False
    return (patch[0] - int(bottom), patch[1] - int(right)), True


def _is_softmax(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Softmax) or "softmax" in str(getattr(operation, "activation", ""))


def _inexact(model: keras.Model, padded: list[str]) -> str:
    if padded:
        named = ", ".join(padded[:4]) + (f" and {len(padded) - 4} more" if len(padded) > 4 else "")
        reason = f"layers pad ({named}), so a separate patch has zeros where the image has pixels"
    else:
        reason = "a layer reads beyond its window, or its reach is unknown"
    return (
        f"The convolutional form of {model.name!r} differs from the sliding window: {reason}. "
        "keras_seg.inference.window_difference(model, image) measures the difference."
    )


def _unfit(operation: Any, reason: Any) -> NoReturn:
    _validation.fail("model", f"has a layer that {reason}", f"{operation.name} ({type(operation).__name__})", _HEADS)


def _name_of(tensor: Tensor) -> str:
    return tensor._keras_history.operation.name
