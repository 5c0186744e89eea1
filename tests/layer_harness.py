"""What every layer of the package must pass, whatever it computes."""

import keras
import numpy as np


def check_layer(layer, inputs, tmp_path, dynamic=True):
    """Config, declared and dynamic shape, saving, freezing and mixed precision of `layer` on arrays `inputs`.

    Returns the layer's output, or the tuple of its outputs, for further checks.
    """
    arrays = inputs if isinstance(inputs, list) else [inputs]
    call = (lambda layer, xs: layer(list(xs))) if isinstance(inputs, list) else (lambda layer, xs: layer(xs[0]))
    expected = outputs(call(layer, arrays))

    shapes = [x.shape for x in arrays] if isinstance(inputs, list) else arrays[0].shape
    declared = layer.compute_output_shape(shapes)
    assert (tuple(declared) if len(expected) > 1 else (tuple(declared),)) == tuple(e.shape for e in expected)

    clone = type(layer).from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()

    shape = (lambda x: (None, None, x.shape[-1])) if dynamic else (lambda x: x.shape[1:])
    placeholders = [keras.Input(shape(x)) for x in arrays]
    model = keras.Model(placeholders, call(layer, placeholders))
    path = tmp_path / "layer.keras"
    model.save(path)
    reloaded = keras.saving.load_model(path)  # No custom_objects: registration is part of being a layer of the package.
    for candidate in (model, reloaded):
        for result, array in zip(outputs(candidate(arrays)), expected, strict=True):
            np.testing.assert_allclose(result, array, rtol=1e-5, atol=1e-5)

    frozen = type(layer).from_config({**layer.get_config(), "trainable": False})
    check_frozen(keras.Model(placeholders, call(frozen, placeholders)), arrays)

    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    result = call(half, arrays)
    half.set_weights(layer.get_weights())
    for result, array in zip(outputs(call(half, arrays)), expected, strict=True):
        assert result.dtype == ("float16" if array.dtype.kind == "f" else array.dtype)
        np.testing.assert_allclose(result, array, rtol=2e-2, atol=2e-2 * max(1, np.abs(array).max()))
    return expected if len(expected) > 1 else expected[0]


def check_frozen(model, arrays):
    """Of a model of one frozen layer no weight is trained and no statistic moves, whatever the layer has inside."""
    assert model.trainable_variables == []
    before = model.get_weights()
    model(arrays, training=True)
    for new, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)


def outputs(tensors):
    """A layer's one output or several as a tuple of arrays."""
    tensors = tensors if isinstance(tensors, (tuple, list)) else [tensors]
    return tuple(np.asarray(keras.ops.convert_to_numpy(tensor)) for tensor in tensors)
