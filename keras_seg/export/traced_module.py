"""A Keras model as the TensorFlow object that converters read."""

import keras

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg.layers import windows

INPUTS = ("float32", "uint8")
OUTPUTS = ("probabilities", "class_ids", "both")


def serving_module(form, request):
    """A `tf.Module` whose `serve` maps `image` to a dict of maps by name.

    The module holds the model's variables by itself. Converters look for them by walking attributes, and the lists a
    Keras model keeps them in are not walked: a TFLite file made without this holds uninitialized memory for weights.

    The model is traced in its portable form: functions compiled by XLA run only where XLA is.

    Args:
        form: `inference_graph(...)`.
        request: the `Request`, of `size`, `batch_size`, `served_input` and `output`.
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting")
    module = tf.Module()
    # Past the tracking of attributes, which would store each variable a second time, as Keras' own object.
    object.__setattr__(module, "model", form)
    module.variables_of_model = [variable.value for variable in form.variables]

    def serve(image):
        with windows.portable():
            maps = named(form(tf.cast(image, tf.float32), training=False))
        if request.output != "probabilities":
            if "probabilities" not in maps:
                rule = 'needs a model with one output, or one named "probabilities"'
                _validation.fail("output", rule, request.output)
            maps["class_ids"] = _class_ids(tf, maps["probabilities"])
        if request.output == "class_ids":
            del maps["probabilities"]
        return maps

    shape = (request.batch_size, *request.size, form.input_shape[-1])
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec(shape, request.served_input, name="image")])
    return module


def served_with(module, weights, image):
    """What a `serving_module` gives for `image` with other tensors in its variables' place, as (variable, tensor)."""
    with keras.StatelessScope(state_mapping=weights):
        return module.serve.python_function(image)


def named(predicted):
    """What a Keras model gives, by name."""
    return dict(predicted) if isinstance(predicted, dict) else {"probabilities": predicted}


def class_channels(model):
    """How many channels the model's probabilities have."""
    shape = model.output_shape
    return (shape["probabilities"] if isinstance(shape, dict) else shape)[-1]


def _class_ids(tf, scores):
    """int32 (batch, height, width). `keras.ops.argmax` looks at the bits of zeros, which TFLite and ONNX cannot."""
    return reading.argmax(scores) if scores.shape[-1] > 1 else tf.cast(scores[..., 0] > 0.5, tf.int32)
