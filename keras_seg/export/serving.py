"""A Keras model as the TensorFlow object that converters read."""

from keras_seg import _validation, _windows


def serving_module(model, input_shape):
    """A `tf.Module` whose `serve` maps `image`, float32 of `input_shape`, to `{"probabilities": ...}`.

    The module holds the model's variables by itself. Converters look for them by walking attributes, and the lists a
    Keras model keeps them in are not walked: a TFLite file made without this holds uninitialised memory for weights.

    The model is traced in its portable form: functions compiled by XLA run only where XLA is.
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting")
    module = tf.Module()
    module.model = model
    module.variables_of_model = [variable.value for variable in model.variables]

    def serve(image):
        with _windows.portable():
            return {"probabilities": model(image, training=False)}

    module.serve = tf.function(serve, input_signature=[tf.TensorSpec(input_shape, "float32", name="image")])
    return module
