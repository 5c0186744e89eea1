"""A Keras model as the TensorFlow object that converters read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg.layers import windows

if TYPE_CHECKING:
    from keras_seg.export.request import Request


def traced_module(form: keras.Model, request: "Request") -> Any:
    """A `tf.Module` whose `serve` maps `image` to a dict of maps by name.

    The module holds the model's variables by itself. Converters look for them by walking attributes, and the lists a
    Keras model keeps them in are not walked: a TFLite file made without this holds uninitialized memory for weights.

    The model is traced in its portable form: functions compiled by XLA run only where XLA is.

    Args:
        form: `inference_graph(...)`.
        request: the `Request` of the export.
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting")
    scores = request.scores
    module: Any = tf.Module()
    # Past the tracking of attributes, which would store each variable a second time, as Keras' own object.
    object.__setattr__(module, "model", form)
    module.variables_of_model = [variable.value for variable in form.variables]

    def serve(image: Any) -> dict[str, Any]:
        with windows.portable():
            maps = scores.named(form(tf.cast(image, tf.float32), training=False))
        if "class_ids" in request.outputs:
            maps["class_ids"] = _class_ids(tf, maps[scores.name], scores.threshold)
        return {name: maps[name] for name in request.outputs}

    shape = (request.batch_size, *request.size, form.input_shape[-1])
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec(shape, request.served_input, name="image")])
    return module


def served_with(module: Any, weights: Sequence[tuple[Any, Any]], image: Any) -> dict[str, Any]:
    """The outputs of a `traced_module` for `image` with other tensors for its variables, as (variable, tensor)."""
    with keras.StatelessScope(state_mapping=weights):
        return module.serve.python_function(image)


def _class_ids(tf: Any, scores: Any, threshold: float) -> Any:
    """int32 (batch, height, width). `keras.ops.argmax` looks at the bits of zeros, which TFLite and ONNX cannot."""
    return reading.argmax(scores) if scores.shape[-1] > 1 else tf.cast(scores[..., 0] > threshold, tf.int32)
