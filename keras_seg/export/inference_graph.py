"""A model in the form it is shipped in, with nothing of training, and what a model must be for that."""

import keras

from keras_seg import _validation, surgery
from keras_seg._graph import as_functional


def inference_graph(model, input_size, *, subpixel=False):
    """The Keras model that converters are given: BatchNormalization folded, dropout left out, kernels of upsampling
    made once, zeros padded by the convolutions (`keras_seg.surgery`), wherever the model has a graph.

    Args:
        model: keras.Model that `check_exportable` lets pass.
        input_size: (height, width) of the result's input, None where it is dynamic.
        subpixel: which upsamplings are a convolution and a shuffle instead of a transposed convolution: bool for all or
            none, or "deep", as in `surgery.fold_upsampling`.
    """
    if as_functional(model) is None:
        return model
    size = None if None in input_size else input_size
    return surgery.fold_padding(
        surgery.fold_upsampling(surgery.fold_batch_norm(model), input_size=size, subpixel=subpixel)
    )


def check_exportable(model):
    """Fail unless the model is a one-input image model on the TensorFlow backend."""
    if keras.backend.backend() != "tensorflow":
        raise _validation.InputError(
            f"Export needs the TensorFlow backend and this is {keras.backend.backend()}: here, "
            "model.save('model.keras') and ks.export.write_reference(model, 'model.npz'); then, in a process with "
            "KERAS_BACKEND=tensorflow, model = keras.saving.load_model('model.keras'), "
            "ks.export.check_reference(model, 'model.npz'), and export it."
        )
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        _validation.fail("model", "must take one input (batch, height, width, channels)", shape)
    if isinstance(getattr(model, "output_shape", None), list):
        fix = "Export keras.Model(model.inputs, model.outputs[0]), or build TestTimeAugmentation without uncertainty."
        _validation.fail("model", "must have one output, or a dict of outputs by name", model.output_shape, fix)
    for layer in model._flatten_layers():
        if layer.compute_dtype == "float16":
            fix = (
                "Save it, set keras.config.set_dtype_policy('float32'), build it anew and load its weights; "
                "quantize='float16' makes the file small."
            )
            _validation.fail("model", "computes in float16, which the formats do not", layer.dtype_policy.name, fix)


def size_of_input(model, input_size):
    """(height, width) of an artifact's input, None where it may be any: the one asked for, or the model's own."""
    own = model.input_shape[1:3]
    if input_size is None:
        if None in own:
            fix = "For example (256, 256), or (None, None) for any size."
            _validation.fail("input_size", "must be given for a model of dynamic size", None, fix)
        return own
    given = input_size if isinstance(input_size, (tuple, list)) and len(input_size) == 2 else None
    if given is None or None not in given:
        size = _validation.pair("input_size", input_size)
    else:
        size = tuple(n if n is None else _validation.integer("input_size", n) for n in given)
    if any(n is not None and n != m for n, m in zip(own, size, strict=True)):
        fix = "A net of fixed size has no other." if None in size else ""
        _validation.fail("input_size", f"must be the model's own size {own}", size, fix)
    return size
