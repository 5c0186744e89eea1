"""A Keras model as the TensorFlow object that converters read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg.layers import export_form

if TYPE_CHECKING:
    from keras_seg.export.request import Request


def traced_module(form: keras.Model, request: "Request", *, for_gpu: bool = False) -> Any:
    """A `tf.Module` whose `serve` maps `image` to a dict of maps by name.

    The module holds the model's variables by itself. Converters look for them by walking attributes, and the lists a
    Keras model keeps them in are not walked: a TFLite file made without this holds uninitialized memory for weights.

    The model is traced in its portable form: functions compiled by XLA run only where XLA is.

    Args:
        form: `inference_graph(...)`.
        request: the `Request` of the export.
        for_gpu: bool. Whether only operations are used that the GPUs of phones compute. Defaults to False.
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting")
    scores = request.scores
    module: Any = tf.Module()
    # Past the tracking of attributes, which would store each variable a second time, as Keras' own object.
    object.__setattr__(module, "model", form)
    module.variables_of_model = [variable.value for variable in form.variables]

    def serve(image: Any) -> dict[str, Any]:
        with export_form.portable(choosing="products" if for_gpu else "selections"):
            maps = scores.named(form(tf.cast(image, tf.float32), training=False))
        if "class_ids" in request.outputs:
            maps["class_ids"] = _class_ids(tf, maps[scores.name], scores.threshold, for_gpu=for_gpu)
        return {name: maps[name] for name in request.outputs}

    shape = (request.batch_size, *request.size, form.input_shape[-1])
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec(shape, request.served_input, name="image")])
    return module


def served_with(module: Any, weights: Sequence[tuple[Any, Any]], image: Any) -> dict[str, Any]:
    """The outputs of a `traced_module` for `image` with other tensors for its variables, as (variable, tensor)."""
    with keras.StatelessScope(state_mapping=weights):
        return module.serve.python_function(image)


def _class_ids(tf: Any, scores: Any, threshold: float, *, for_gpu: bool) -> Any:
    """int32 (batch, height, width). `keras.ops.argmax` looks at the bits of zeros, which TFLite and ONNX cannot."""
    channels = scores.shape[-1]
    if not for_gpu:
        return reading.argmax(scores) if channels > 1 else tf.cast(scores[..., 0] > threshold, tf.int32)
    if channels == 1:
        ids = tf.cast(scores > threshold, scores.dtype)
    else:
        # The first of several highest scores has the largest number of those after it.
        highest = tf.cast(tf.equal(scores, tf.reduce_max(scores, axis=-1, keepdims=True)), scores.dtype)
        ids = channels - tf.reduce_max(highest * tf.range(channels, 0, -1, scores.dtype), axis=-1, keepdims=True)
    return tf.cast(tf.reshape(ids, tf.shape(scores)[:-1]), tf.int32)
