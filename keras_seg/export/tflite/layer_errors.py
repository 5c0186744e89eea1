"""Finding the layers that quantization harms."""

import warnings

import numpy as np

from keras_seg import _validation
from keras_seg.export import verification
from keras_seg.export.exporter import request_of_any_size
from keras_seg.export.inference_graph import inference_graph
from keras_seg.export.tflite import quantization
from keras_seg.export.tflite.float_nodes import check, float_nodes
from keras_seg.export.tflite.interpreter import interpreter, produced_by
from keras_seg.export.tflite.layer_error import LayerError
from keras_seg.export.tflite.layer_error_report import LayerErrorReport
from keras_seg.export.tflite.layer_names import LayerNames
from keras_seg.export.traced_module import serving_module

_KINDS = ("int8", "int16x8")


def layer_errors(model, images, *, representative=None, input_size=None, quantize="int8", float_layers=()):
    """How far each layer of a quantized TFLite file is from float32: where the points of mean IoU are lost.

    The file that `export.tflite` would write, and the float32 file beside it, are run on the same images, and what
    their operators compute is compared. `error` is what has come together up to a layer. For int8 there is also
    `own_error`: float32 on the values that the int8 operator was given. A layer whose own signal to noise is far below
    those of its neighbors makes noise, one where only the other falls passes it on or magnifies it.

    The model is the one that is shipped: BatchNormalization is folded into the convolutions, activations are computed
    with the layer before them, and layers without an operator are not there.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        images: array (n, height, width, channels), 0..255, to compare on. A few show it.
        representative: as in `export.tflite`. Defaults to None, for `images`.
        input_size: int or (height, width). Defaults to the model's own size, where that is fixed.
        quantize: "int8" or "int16x8". Defaults to "int8".
        float_layers: as in `export.tflite`, to see what it mends. Defaults to none.

    Returns:
        A `LayerErrorReport`: `print` shows the layers with the most noise first, `report["logits"]` is one of them.

    Raises:
        ValueError: if an argument is not as above.

    Examples:

    ```python
    report = ks.export.layer_errors(model, val_images[:8], representative=train, input_size=(360, 480))
    print(report)
    worst = [error.layer for error in report.worst(2, own=True)]
    ks.export.tflite(
        model, "m.tflite", input_size=(360, 480), quantize="int8", representative=train, float_layers=worst
    )
    ```
    """
    import tensorflow as tf

    _validation.one_of("quantize", quantize, _KINDS)
    options = {"input": "float32", "output": "probabilities", "batch_size": 1, "overwrite": False}
    request = request_of_any_size(model, "", input_size, images=images, quantize=quantize, **options)
    if None in request.size:
        _validation.fail(
            "input_size", "must be given for a model of dynamic size", input_size, "For example (256, 256)."
        )
    given = images if representative is None else representative
    quantization.check(quantize, "float32", given, float_layers)
    ranges = quantization.representative_images(given, request.size, model.input_shape[-1])
    images = verification.comparison_images(model, images, request.size)

    form = inference_graph(model, request.size, subpixel=True)
    names = LayerNames(form)
    check(float_layers, names.layers)
    module = serving_module(form, request)

    def converter(kind):
        made = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
        quantization.configure(tf, made, kind, input="float32", representative=None if kind is None else ranges)
        return made

    if quantize == "int8":
        whole = quantization.calibrated_by(converter("int8"))
        kept = float_nodes(whole, form, float_layers)
        content = quantization.quantized(whole, kept=kept)
        own = _own_errors(tf, quantization.quantized(whole, kept=kept, verified=True), images, names)
    else:
        whole, content, own = converter(None).convert(), converter(quantize).convert(), {}
    found, agreement = _compared(whole, content, images, names=names, own=own)
    return LayerErrorReport(layers=found, quantize=quantize, images=len(images), agreement=agreement)


def _compared(whole, content, images, *, names, own):
    """(a `LayerError` a layer, the share of pixels in the same class) of two files."""
    sides = interpreter(whole), interpreter(content)
    expected = {_key(tensor.name): tensor for tensor in produced_by(sides[0])}
    pairs = [
        (expected[_key(tensor.name)], tensor)
        for tensor in produced_by(sides[1])
        if _key(tensor.name) in expected and tensor.op not in ("QUANTIZE", "DEQUANTIZE")
    ]
    sums, same = np.zeros((len(pairs), 4)), []
    for image in images:
        maps = [_run(side, image) for side in sides]
        same.append((verification.classes(maps[0]) == verification.classes(maps[1])).mean())
        for place, (before, after) in enumerate(pairs):
            a = before.real(sides[0].get_tensor(before.index)).astype("float64")
            b = after.real(sides[1].get_tensor(after.index)).astype("float64")
            sums[place] += [a.size, (a**2).sum(), ((a - b) ** 2).sum(), (a != b).sum()]
    layers = {}
    for (before, after), (size, signal, error, changed) in zip(pairs, sums, strict=True):
        found = names.of(after.name)
        if not found:
            continue
        whole_numbers = np.issubdtype(before.dtype, np.integer) or before.dtype == bool
        # The last operator of a layer gives what the layer gives.
        layers.pop(found[0], None)
        layers[found[0]] = LayerError(
            layer=found[0],
            fused=found[1:],
            op=after.op,
            dtype=after.dtype.name,
            range=after.range,
            scale=after.scale,
            signal=float(np.sqrt(signal / size)),
            error=float(np.sqrt(error / size)),
            own_error=own.get(found[:1]) if after.scale else None,
            changed=float(changed / size) if whole_numbers else None,
        )
    return tuple(layers.values()), float(np.mean(same))


def _key(name):
    """What a tensor is called in both files: an output has its name twice where it is converted at the end."""
    return "output" if name.startswith("StatefulPartitionedCall") and "/" not in name else name


def _run(made, image):
    """The one output of a file for one image."""
    made.set_tensor(made.get_input_details()[0]["index"], image[None])
    made.invoke()
    target = made.get_output_details()[0]
    return made.get_tensor(target["index"])


def _own_errors(tf, verified, images, names):
    """{layer: root mean square of what its operator adds}, of a file with operators that compare."""
    # As tf.lite.experimental.QuantizationDebugger reads it, but for the names of tensors, which it cuts.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That TensorFlow's interpreter, which alone has the operator, will go one day.
        made = tf.lite.Interpreter(
            model_content=verified,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    made.allocate_tensors()
    called = {tensor["index"]: tensor["name"] for tensor in made.get_tensor_details()}
    compared = [op for op in made._get_ops_details() if op["op_name"] == "NumericVerify"]
    squares = np.zeros(len(compared))
    for image in images:
        _run(made, image)
        squares += [np.mean(np.square(made.get_tensor(op["outputs"][0]), dtype="float64")) for op in compared]
    # The last operator of a layer gives what the layer gives.
    return {
        names.of(called[op["inputs"][0]])[:1]: float(np.sqrt(square / len(images)))
        for op, square in zip(compared, squares, strict=True)
    }
