"""What the numbers of a model's output are: probabilities of classes that exclude one another or not, or logits."""

import keras

from keras_seg import layers
from keras_seg._graph import as_functional
from keras_seg.inference.tta.merge_views import MergeViews

# What moves numbers about and leaves them what they are.
_MOVES = (
    layers.CropLike,
    layers.Resize2D,
    layers.ResizeLike,
    keras.layers.Cropping2D,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.Reshape,
    keras.layers.Resizing,
    keras.layers.UpSampling2D,
)
_WITH_WEIGHTS = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.Dense)
# Names of activations, and of the operations of `keras.ops`.
_BY_NAME = {
    "softmax": "softmax",
    "log_softmax": "logits",
    "LogSoftmax": "logits",
    "sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
}


def output_kind(model):
    """Of a functional model "softmax", "sigmoid" or "logits"; None where its last layers do not tell."""
    tensor = model.outputs[0]
    while True:
        history = tensor._keras_history
        operation = history.operation
        inner = as_functional(operation)
        if inner is not None:
            tensor = inner.outputs[history.tensor_index]
            continue
        if isinstance(operation, MergeViews):
            return operation.kind
        activation = getattr(getattr(operation, "activation", None), "__name__", None)
        if isinstance(operation, _WITH_WEIGHTS) and activation in ("linear", None):
            return "logits"
        if not isinstance(operation, _MOVES) and activation != "linear":
            return _BY_NAME.get(activation or type(operation).__name__)
        source = operation._inbound_nodes[history.node_index].input_tensors
        tensor = source[0]
