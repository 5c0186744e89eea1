"""Trained BatchNormalization as part of the convolution before it."""

import collections
from typing import Any

import keras
import numpy as np

from keras_seg._graph import replay_opened
from keras_seg._types import Size, Tensor
from keras_seg.layers import LinearFusion, UpsampleConv
from keras_seg.surgery.affine import BATCH_NORMALIZATIONS, as_affine, as_float64
from keras_seg.surgery.copying import (
    Call,
    LayerCopies,
    Traced,
    copy_of,
    folded,
    original_outputs,
    split_arguments,
)

# By exact type, as all that is folded or removed: a subclass may compute something else, such as Monte Carlo dropout.
_TRAINING_ONLY = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.AlphaDropout,
    keras.layers.ActivityRegularization,
)


def fold_batch_norm(model: keras.Model, *, input_size: Size | None = None) -> Any:
    """The model that predicts the same with fewer layers: for export, not for training.

    At inference `BatchNormalization` is a fixed scale and offset per channel. After a convolution or Dense layer
    without activation it is folded into that layer's kernel and bias, as after a `LinearFusion`, and so is the one
    inside an `UpsampleConv`.
    Dropout, noise and activity regularization, which do nothing at inference, are removed. A normalization after any
    other layer (an activation, a sum, a convolution that other layers read too) stays as it is, and so does every layer
    called with `training=True`, and every subclass of these layers. The arithmetic is done in float64, so the results
    differ only by rounding.

    Args:
        model: functional `keras.Model`. Nested models are folded too. It is not changed; the result has copies of its
            weights.
        input_size: int or pair of ints (height, width). Size of the result's one image input; None for that of the
            model. Defaults to None.

    Returns:
        A functional `keras.Model` with the inputs, the outputs and the remaining layer names of `model`.

    Raises:
        InputError: if the model is not functional or `input_size` is invalid.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> folded = ks.surgery.fold_batch_norm(model)
        >>> image = np.random.default_rng(0).uniform(0, 255, (1, 20, 24, 3))
        >>> bool(np.allclose(folded.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-5))
        True
        >>> sum("norm" in layer.name for layer in folded.layers)
        0

    Reference: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference", CVPR 2018, section 3.2, equation (14).
    """
    return folded(model, normalization_folding, input_size=input_size)


def normalization_folding(graph: keras.Model, copies: LayerCopies, following: Call) -> Call:
    """The `Folding` of `fold_batch_norm`."""
    normalizations = _foldable(graph)
    gone = {id(normalization) for normalization in normalizations.values()}

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        if id(operation) in gone or _does_nothing(operation, kwargs):
            return args[0]
        normalization = normalizations.get(id(operation))
        if _normalizes(operation) and not kwargs.get("training"):
            normalization = operation.normalize
        if normalization is not None:
            operation = _with_affine(copies, operation, normalization, args[0])
        return following(operation, args, kwargs)

    return call


def _normalizes(layer: Any) -> bool:
    """Whether a layer that takes in scale and offset has a `BatchNormalization` of its own."""
    return type(layer) is UpsampleConv and layer.normalization == "batch"


def _does_nothing(operation: Any, arguments: dict[str, Any]) -> bool:
    return type(operation) in _TRAINING_ONLY and not arguments.get("training")


class _Read(Traced):
    """A tensor's shape and the layer that made it."""

    def __init__(self, maker: Any, spec: Any) -> None:
        super().__init__(spec, spec)
        object.__setattr__(self, "maker", maker)


def _foldable(graph: keras.Model) -> dict[int, keras.layers.Layer]:
    """{id of a layer: the normalization that can go into it}.

    This needs every call of the layer to be read by the normalization alone, and every call of the normalization to
    read that layer. So a model called several times, as by test-time augmentation, folds like one called once.
    """
    readers, read, layers = collections.defaultdict(list), collections.defaultdict(list), {}
    calls: collections.Counter[int] = collections.Counter()

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        values, _, specs = split_arguments(args, kwargs)
        if _does_nothing(operation, kwargs):
            return args[0]
        layers[id(operation)] = operation
        calls[id(operation)] += 1
        for value in values:
            readers[value.maker].append(id(operation))
            # Not plain: a call that uses the batch's statistics instead of the learned ones, or has more inputs.
            plain = not kwargs.get("training") and kwargs.get("mask") is None and len(values) == 1
            read[id(operation)].append(value.maker if plain else None)
        return [_Read(id(operation), spec) for spec in original_outputs(operation, specs)]

    starts = [_Read(None, keras.KerasTensor(tensor.shape, dtype=tensor.dtype)) for tensor in graph.inputs]
    values = replay_opened(graph, starts, call)
    for tensor in graph.outputs:
        readers[values[id(tensor)].maker].append(None)
    found = {}
    for key, normalization in layers.items():
        makers = set(read[key])
        if not _folds_away(normalization) or len(makers) != 1 or (maker := makers.pop()) is None:
            continue
        if set(readers[maker]) == {key} and len(readers[maker]) == calls[maker] and _takes_in(layers[maker]):
            found[maker] = normalization
    return found


def _folds_away(layer: keras.layers.Layer) -> bool:
    return type(layer) in BATCH_NORMALIZATIONS and layer.axis in (-1, 3)


def _takes_in(layer: keras.layers.Layer) -> bool:
    """Whether scale and offset can become part of a layer's weights."""
    linear = getattr(layer, "activation", keras.activations.linear) is keras.activations.linear
    adapted = getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None)
    return type(layer) in _SCALED and linear and not adapted and getattr(layer, "normalization", None) is None


def _with_affine(copies: LayerCopies, layer: Any, normalization: keras.layers.Layer, inputs: Any) -> Any:
    """`layer` for these inputs with `normalization` in its weights."""

    def make() -> Any:
        changes = {"normalization": None} if isinstance(layer, UpsampleConv) else {"use_bias": True}
        return copy_of(layer, changes)

    def weights() -> Any:
        scale, offset = as_affine(normalization)
        if getattr(layer, "bias", None) is not None:
            offset = offset + scale * as_float64(layer.bias)
        return [*_SCALED[type(layer)](layer, scale), offset]

    return copies.changed(layer, inputs, make, weights=weights, key="normalization")


def _last_axis(layer: keras.layers.Layer, scale: np.ndarray) -> list[np.ndarray]:
    return [as_float64(layer.kernel) * scale]


def _transposed(layer: keras.layers.Layer, scale: np.ndarray) -> list[np.ndarray]:
    return [as_float64(layer.kernel) * scale[:, None]]


def _depthwise(layer: keras.layers.Layer, scale: np.ndarray) -> list[np.ndarray]:
    kernel = as_float64(layer.kernel)
    return [kernel * scale.reshape(kernel.shape[2:])]


def _fusion(layer: keras.layers.Layer, scale: np.ndarray) -> list[np.ndarray]:
    projections = [as_float64(weight) for part in layer.projections for weight in part.weights]
    return [*projections, as_float64(layer.fusion.kernel) * scale]


def _separable(layer: keras.layers.Layer, scale: np.ndarray) -> list[np.ndarray]:
    return [as_float64(layer.depthwise_kernel), as_float64(layer.pointwise_kernel) * scale]


_SCALED = {
    keras.layers.Conv2D: _last_axis,
    keras.layers.Dense: _last_axis,
    LinearFusion: _fusion,
    UpsampleConv: _last_axis,
    keras.layers.Conv2DTranspose: _transposed,
    keras.layers.DepthwiseConv2D: _depthwise,
    keras.layers.SeparableConv2D: _separable,
}
