"""Which models can be exported, and the size of a file's input."""

from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import as_functional, replay_opened
from keras_seg._validation import first_line
from keras_seg.inference.output_kind import single_output

_InputSize = tuple[int | None, int | None]
# Converters keep convolutions of these types. tf2onnx takes bfloat16 for float16.
_HALF_PRECISION = ("float16", "bfloat16")


def check_exportable(model: Any) -> None:
    """Fail unless the model is an image model with one input and runs on the TensorFlow backend."""
    if keras.backend.backend() != "tensorflow":
        raise _validation.InputError(
            f"Export needs the TensorFlow backend and this is {keras.backend.backend()}: here, "
            "model.save('model.keras') and ks.export.write_reference(model, 'model.npz'); then, in a process with "
            "KERAS_BACKEND=tensorflow, model = keras.saving.load_model('model.keras'), "
            "ks.export.check_reference(model, 'model.npz'), and export it."
        )
    image_shape(model)
    single_output(model)
    for layer in model._flatten_layers():
        if hasattr(layer, "stated_activation"):  # As the layer of a loaded file alone has.
            rule = "must be the model itself, not one that runs an exported file"
            _validation.fail("model", rule, model.name, "Export the model that the file was made from.")
        if layer.compute_dtype in _HALF_PRECISION:
            fix = (
                "Save it, set keras.config.set_dtype_policy('float32'), build it again and load its weights; "
                "quantize='float16' makes the file small."
            )
            rule = f"computes in {layer.compute_dtype}, which no format supports"
            _validation.fail("model", rule, layer.dtype_policy.name, fix)


def image_shape(model: Any) -> tuple[int | None, ...]:
    """The shape (batch, height, width, channels) of the one input of a model, None where it may be any."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        _validation.fail("model", "must take one input (batch, height, width, channels)", shape)
    return shape


def size_of_input(model: keras.Model, input_size: Any, *, dynamic: bool = False) -> _InputSize:
    """(height, width) of a file's input, None where it may be any: the one asked for, or the model's own.

    Args:
        model: keras.Model that `check_exportable` accepts.
        input_size: int, (height, width) or None, as exports take it.
        dynamic: bool. Whether None also asks for the size of a model of any size. Defaults to False.
    """
    own = model.input_shape[1:3]
    if input_size is None:
        if None in own and not dynamic:
            fix = "For example (256, 256), or (None, None) for any size."
            _validation.fail("input_size", "must be given for a model of dynamic size", None, fix)
        return own
    given = input_size if isinstance(input_size, (tuple, list)) and len(input_size) == 2 else None
    if given is None or None not in given:
        size = _validation.pair("input_size", input_size)
    else:
        height, width = (None if side is None else _validation.integer("input_size", side) for side in given)
        size = height, width
    if any(n is not None and n != m for n, m in zip(own, size, strict=True)):
        fix = "A model of fixed size takes no other." if None in size else ""
        _validation.fail("input_size", f"must be the model's own size {own}", size, fix)
    if None not in size:
        check_taken(model, size)
    return size


def check_taken(model: keras.Model, size: _InputSize) -> None:
    """Fail for a size that the layers do not take, such as one too small for unpadded convolutions."""
    shape = (*size, model.input_shape[-1])
    for layer in model._flatten_layers():
        if hasattr(layer, "check_image"):
            layer.check_image(shape)
    try:
        _trace(model, keras.KerasTensor((1, *shape)))
    except _validation.InputError:
        raise
    # A layer of Keras raises what it likes.
    except Exception as error:
        _validation.fail("input_size", f"is not taken by the model ({first_line(error)})", size, "Choose another size.")


def _trace(model: keras.Model, image: keras.KerasTensor) -> None:
    """Compute the shapes of all maps of a model."""
    graph = as_functional(model)
    if graph is None:
        model.compute_output_spec(image)
    else:
        replay_opened(graph, image, _traced)


def _traced(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """The shapes that an operation of a graph gives."""
    if type(operation) is keras.layers.Concatenate:
        # The layer itself adds up the channels, and does not look at the sizes of the maps.
        maps = [one for one in keras.tree.flatten((args, kwargs)) if isinstance(one, keras.KerasTensor)]
        keras.ops.concatenate(maps, axis=operation.axis)
    return operation.compute_output_spec(*args, **kwargs)
