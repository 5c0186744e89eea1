"""What a model's output holds, probabilities or logits, and how class ids follow from it."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_seg import _validation, layers
from keras_seg._graph import as_functional
from keras_seg._labels.reading import PROBABILITY_SLACK
from keras_seg._types import ArrayLike, Tensor
from keras_seg.inference.tta.merge_views import MergeViews

KINDS = ("probabilities", "logits", "unknown")

_FIX_OF_SCORES = (
    "Replace such values in the image, for example with numpy.nan_to_num, or look for them in the model's weights "
    "after a training that diverged."
)

# Layers and operations that move values and keep their meaning.
_MOVING_LAYERS = (
    layers.CropLike,
    layers.PixelShuffle2D,
    layers.Resize2D,
    layers.ResizeLike,
    keras.layers.Cropping2D,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.Reshape,
    keras.layers.Resizing,
    keras.layers.SpatialDropout2D,
    keras.layers.UpSampling2D,
)
_MOVING_OPERATIONS = ("Cast", "ExpandDims", "Flip", "Reshape", "Resize", "Squeeze", "StopGradient", "Transpose")
# Layers whose output is unbounded unless they have an activation.
_LAYERS_WITH_WEIGHTS = (
    layers.ChannelDeconvolution2D,
    layers.LinearFusion,
    layers.UpsampleConv,
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.EinsumDense,
    keras.layers.SeparableConv2D,
)
# Names of activations, and of the layers and operations of Keras that apply them.
_ACTIVATIONS = {
    "softmax": "softmax",
    "Softmax": "softmax",
    "sparsemax": "softmax",
    "Sparsemax": "softmax",
    "sigmoid": "sigmoid",
    "Sigmoid": "sigmoid",
    "hard_sigmoid": "sigmoid",
    "HardSigmoid": "sigmoid",
    "log_softmax": "logits",
    "LogSoftmax": "logits",
}
# Some of the classes of a softmax, whose probabilities do not add up to 1.
_PART_OF_SOFTMAX = "part of softmax"


def output_kind(model: Any) -> str:
    """The kind of a model's one output, read from its last activation.

    Args:
        model: keras.Model.

    Returns:
        `"probabilities"`; `"logits"`, which include log-probabilities; or `"unknown"`, for models without a graph and
        for last layers of which nothing is known, such as a Lambda.

    Raises:
        InputError: if the model has several outputs.
    """
    output = single_output(model)
    return "unknown" if output is None else tensor_kind(output)


def tensor_kind(tensor: Tensor) -> str:
    """`output_kind` of one tensor of a functional model, such as `model.output["edges"]`."""
    activation = last_activation(tensor)
    if activation is None:
        return "unknown"
    return "logits" if activation == "logits" else "probabilities"


def last_activation(tensor: Tensor) -> str | None:
    """The last activation before a tensor of a functional model.

    Returns:
        "softmax" (the classes exclude one another, and one of them is at each pixel), "sigmoid" (several may be, or
        none), "logits", or None if the graph does not tell. Classes cut out of a softmax are "sigmoid": divided by
        their sum, they would be far too high where another class is.
    """
    found = _last_activation(tensor, {})
    alone = found == "softmax" and tensor.shape[-1] == 1
    return "sigmoid" if alone or found == _PART_OF_SOFTMAX else found


def single_output(model: Any) -> Tensor | None:
    """The one output of a functional model as a symbolic tensor; None for a model without a graph.

    Raises:
        InputError: if there are several. The message names them and the fix.
    """
    graph = as_functional(model)
    if graph is None:
        return None
    if len(graph.outputs) != 1:
        _fail_several(model.output, graph.output_names)
    return graph.outputs[0]


def sole_output(predicted: Any) -> Any:
    """The one array or tensor of a prediction, given by itself, in a list or in a dict.

    Raises:
        InputError: if there are several.
    """
    parts = keras.tree.flatten(predicted)
    if len(parts) != 1:
        _fail_several(predicted, [str(number) for number in range(len(parts))])
    return parts[0]


def class_ids(scores: ArrayLike, kind: str = "unknown") -> np.ndarray:
    """The class with the highest score at each pixel.

    A single channel is the score of class 1, which wins above 0.5 for probabilities and above 0 for logits.

    Args:
        scores: array (..., classes).
        kind: str, the `output_kind`. With "unknown" a single channel must hold probabilities. Defaults to "unknown".

    Returns:
        int32 array (...).

    Raises:
        InputError: if the kind is "unknown" and a single channel holds values outside [0, 1], by more than rounding.
    """
    _validation.one_of("kind", kind, KINDS)
    scores = np.asarray(scores)
    if scores.shape[-1] != 1:
        return scores.argmax(-1).astype("int32")
    low, high = -PROBABILITY_SLACK, 1 + PROBABILITY_SLACK  # The mean of tiles or views may round beyond 0 and 1.
    if kind == "unknown" and scores.size and not (scores.min() >= low and scores.max() <= high):
        raise _validation.InputError(
            "`model` gives one channel that is neither known to be a probability nor in [0, 1]. Received: values from "
            f'{scores.min():.3g} to {scores.max():.3g}. End the model in keras.layers.Activation("sigmoid").'
        )
    return (scores[..., 0] > (0 if kind == "logits" else 0.5)).astype("int32")


def readable(scores: ArrayLike) -> np.ndarray:
    """Scores as an array, those in bfloat16 as float32: NumPy does not take bfloat16 for a type of numbers."""
    scores = np.asarray(scores)
    return scores.astype("float32") if scores.dtype.name == "bfloat16" else scores


def check_finite(scores: ArrayLike, what: str, *, allow_infinity: bool = False, fix: str = _FIX_OF_SCORES) -> None:
    """Refuse scores of NaN or infinity.

    Args:
        scores: float array.
        what: str. Names the scores in the message, such as "The scores of `model`".
        allow_infinity: bool. Whether only NaN is refused: infinite scores still have an order, but no mean. Defaults to
            False.
        fix: str. What to do about such scores. Defaults to the usual places to look.

    Raises:
        InputError: if there are such scores.
    """
    # A sum needs no array of booleans as large as the scores, and finite float32 scores do not overflow it.
    with np.errstate(invalid="ignore"):
        if np.isfinite(np.sum(scores, dtype="float64")):
            return
    if not allow_infinity or np.isnan(scores).any():
        raise _validation.InputError(f"{what} must be finite. Received: NaN or infinity. {fix}")


def _fail_several(outputs: Any, names: list[str]) -> None:
    if isinstance(outputs, Mapping):
        names = list(outputs)
        chosen = repr("probabilities" if "probabilities" in outputs else names[0]).replace("'", '"')
        fix = f"keras.Model(model.input, model.output[{chosen}])"
        if "main" in outputs:  # A model with heads for training.
            fix = "keras_seg.models.without_aux(model)"
    else:
        fix = "keras.Model(model.input, model.outputs[0])"
    listed = ", ".join(map(repr, names))
    raise _validation.InputError(
        f"`model` must have one output only. Received: {len(names)} outputs, {listed}. Pass a model of one: {fix}."
    )


def _last_activation(tensor: Tensor, sources: dict[int, tuple]) -> str | None:
    """`last_activation`, where `sources` maps the inputs of a nested model to (outer tensor, its own sources)."""
    while True:
        if id(tensor) in sources:
            tensor, sources = sources[id(tensor)]
            continue
        history = tensor._keras_history
        operation = history.operation
        inputs = operation._inbound_nodes[history.node_index].input_tensors
        inner = as_functional(operation)
        if inner is not None:
            sources = {id(own): (outer, sources) for own, outer in zip(inner.inputs, inputs, strict=False)}
            tensor = inner.outputs[history.tensor_index]
            continue
        if isinstance(operation, MergeViews):
            return operation.kind if history.tensor_index == 0 and not operation.assumed else None
        if hasattr(operation, "stated_activation"):
            return operation.stated_activation  # An exported file has no graph to read it from.
        if not inputs:
            return None
        if len(inputs) > 1 and not isinstance(operation, (layers.CropLike, layers.ResizeLike, layers.UpsampleConv)):
            return _joined(operation, [_last_activation(part, sources) for part in inputs])
        found = _activation(operation, tensor)
        if found != "moved":
            return found
        if _name(operation) == "GetItem" and tensor.shape[-1:] != inputs[0].shape[-1:]:
            cut = _last_activation(inputs[0], sources)
            return _PART_OF_SOFTMAX if cut == "softmax" else cut
        tensor = inputs[0]


def _activation(operation: Any, output: Tensor) -> str | None:
    """What one operation makes of its input: an activation, "moved" where it keeps the kind, or None."""
    name = _name(operation)
    activation = getattr(operation, "activation", None)
    # A Keras layer may serve as an activation too.
    activation = "linear" if activation is None else getattr(activation, "__name__", None) or _name(activation)
    if isinstance(operation, _LAYERS_WITH_WEIGHTS):
        return "logits" if activation == "linear" else _ACTIVATIONS.get(activation)
    if isinstance(operation, keras.layers.Activation):
        return "moved" if activation == "linear" else _ACTIVATIONS.get(activation)
    if isinstance(operation, _MOVING_LAYERS) or name in _MOVING_OPERATIONS:
        return "moved"
    if name == "GetItem":
        return "moved"
    found = _ACTIVATIONS.get(name)
    axis = getattr(operation, "axis", -1)
    # A softmax over rows or columns gives no probabilities of classes.
    over_classes = axis in (-1, len(output.shape) - 1, (-1,), [-1])
    return found if found != "softmax" or over_classes else None


def _joined(operation: Any, kinds: list[str | None]) -> str | None:
    """The kind of several inputs joined."""
    (kind, *others) = set(kinds)
    if others or kind is None:
        return None
    name = _name(operation)
    if name in ("Add", "Subtract"):
        return "logits" if kind == "logits" else None
    if name == "Average":
        return kind
    if name == "Concatenate":
        return None if kind in ("softmax", _PART_OF_SOFTMAX) else kind
    return None


def _name(operation: Any) -> str:
    """The name of a class of Keras; "" for others, which may call anything a softmax."""
    return type(operation).__name__ if type(operation).__module__.startswith("keras.") else ""
