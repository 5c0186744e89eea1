"""The fixed input size of an artefact, and what a model must be to be exported."""

import keras

from keras_seg import _validation


def check_exportable(model):
    """Fail unless the model is a one-input image model on the TensorFlow backend."""
    if keras.backend.backend() != "tensorflow":
        raise _validation.InputError(
            f"Export needs the TensorFlow backend and this is {keras.backend.backend()}: save the model with "
            "model.save('model.keras'), then load and export it in a process with KERAS_BACKEND=tensorflow."
        )
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        _validation.fail("model", "must take one input (batch, height, width, channels)", shape)
    outputs = getattr(model, "outputs", None) or [None]
    if len(outputs) != 1:
        fix = "Export keras.Model(model.inputs, model.outputs[0]), or build TestTimeAugmentation without uncertainty."
        _validation.fail("model", "must have one output", [tuple(output.shape) for output in outputs], fix)


def fixed_size(model, input_size):
    """(height, width) for an artefact of fixed size: the one given, or the model's own."""
    own = model.input_shape[1:3]
    if input_size is None:
        if None in own:
            _validation.fail("input_size", "must be given for a model of dynamic size", None, "For example (256, 256).")
        return own
    size = _validation.pair("input_size", input_size)
    if any(n is not None and n != m for n, m in zip(own, size, strict=True)):
        _validation.fail("input_size", f"must be the model's own size {own}", size)
    return size
