"""Finding the layers that quantization harms."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, cast

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, Size
from keras_seg.export import verification
from keras_seg.export.comparison_images import comparison_images
from keras_seg.export.exportable import check_exportable, size_of_input
from keras_seg.export.inference_graph import inference_graph
from keras_seg.export.request import Request
from keras_seg.export.score_map import ScoreMap
from keras_seg.export.tflite import calibration, quantization
from keras_seg.export.tflite.float_nodes import check, float_nodes
from keras_seg.export.tflite.interpreter import interpreter, produced_by
from keras_seg.export.tflite.layer_error_report import LayerError, LayerErrorReport
from keras_seg.export.tflite.layer_names import LayerNames
from keras_seg.export.tflite.tflite_format import TFLITE, converting
from keras_seg.export.traced_module import traced_module
from keras_seg.inference.output_kind import check_finite


def layer_errors(
    model: keras.Model,
    images: ArrayLike,
    *,
    input_size: Size | None = None,
    quantize: str = "int8",
    representative: Iterable[Any] | None = None,
    float_layers: Sequence[str] = (),
) -> LayerErrorReport:
    """How far each layer of a quantized TFLite file is from float32: where the mean IoU is lost.

    The file that `export.tflite` would write, and the float32 file beside it, are run on the same images, and the
    outputs of their operators are compared. `error` is the accumulated error up to a layer. For int8 there is also
    `own_error`: the difference from float32 on the inputs of the int8 operator. A layer whose own signal to noise is
    far below that of its neighbors makes noise; one where only the accumulated ratio falls passes it on or adds to it.

    The model is compared in its exported form: BatchNormalization is folded into the convolutions, activations are
    computed with the layer before them, and layers without an operator do not appear.

    Args:
        model: keras.Model. With one image input, on the TensorFlow backend.
        images: array (n, height, width, channels), 0..255, to compare on. A few are enough.
        input_size: int or (height, width). Defaults to the model's own size, where that is fixed.
        quantize: str. "int8" or "int16x8". Defaults to "int8".
        representative: as in `export.tflite`. Defaults to None, for `images`.
        float_layers: as in `export.tflite`, to see whether it helps. Defaults to none.

    Returns:
        A `LayerErrorReport`: `print` shows the layers with the most noise first, `report["logits"]` is one of them.

    Raises:
        InputError: if an argument is not as above, an output is not finite, or the model needs an operator that TFLite
            lacks, whose layer is named.
        RuntimeError: if the converter fails.

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
    _validation.one_of("quantize", quantize, quantization.CALIBRATED)
    check_exportable(model)
    size = size_of_input(model, input_size)
    given = images if representative is None else representative
    calibration.check(quantize, input="float32", size=size, representative=given, float_layers=float_layers)
    ranges = calibration.representative_images(given, size, model.input_shape[-1])
    images = comparison_images(model, images, cast("tuple[int, int]", size))

    request = Request(model=model, path="", size=size, batch_size=1, input="float32", output="scores")
    form = inference_graph(model, size, subpixel=TFLITE.subpixel)
    names = LayerNames.of_model(form)
    check(float_layers, names.layers)
    module = traced_module(form, request)

    def converter(kind: str | None) -> Any:
        return quantization.converter_of(module, kind, input="float32", representative=ranges)

    verified = None
    with converting(request):
        if quantize == "int8":
            whole = quantization.calibrated_by(converter("int8"))
            kept = float_nodes(whole, form, float_layers)
            content = quantization.quantized(whole, kept=kept)
            verified = quantization.quantized(whole, kept=kept, verified=True)
        else:
            whole, content = converter(None).convert(), converter(quantize).convert()
    own = {} if verified is None else _own_errors(verified, images, names)
    sides = interpreter(whole), interpreter(content)
    pairs, sums, agreement = _compared(sides, images, request.scores)
    layers = _layers(pairs, sums, names=names, own=own)
    return LayerErrorReport(layers=layers, quantize=quantize, images=len(images), agreement=agreement)


def _compared(sides: tuple[Any, Any], images: np.ndarray, scores: ScoreMap) -> tuple[list[Any], np.ndarray, float]:
    """(pairs of tensors of two files, sums of what they differ by, the share of pixels in the same class)."""
    expected = {_key(tensor.name): tensor for tensor in produced_by(sides[0])}
    pairs = [
        (expected[_key(tensor.name)], tensor)
        for tensor in produced_by(sides[1])
        if _key(tensor.name) in expected and tensor.op not in ("QUANTIZE", "DEQUANTIZE")
    ]
    sums, same = np.zeros((len(pairs), 4)), []
    for image in images:
        maps = [_run(side, image) for side in sides]
        check_finite(maps[0], "The scores of `model`")
        decided = [verification.class_map({scores.name: one}, scores) for one in maps]
        same.append(verification.same_classes(*decided, overlapping=scores.overlapping).mean())
        for place, (before, after) in enumerate(pairs):
            a = before.real(sides[0].get_tensor(before.index)).astype("float64")
            b = after.real(sides[1].get_tensor(after.index)).astype("float64")
            sums[place] += [a.size, (a**2).sum(), ((a - b) ** 2).sum(), (a != b).sum()]
    return pairs, sums, float(np.mean(same))


def _layers(
    pairs: list[Any], sums: np.ndarray, *, names: LayerNames, own: dict[tuple[str, ...], float]
) -> tuple[LayerError, ...]:
    """The `LayerError` of each layer."""
    layers = {}
    for (before, after), (size, signal, error, changed) in zip(pairs, sums, strict=True):
        found = names.of(after.name)
        if not found:
            continue
        whole_numbers = np.issubdtype(before.dtype, np.integer) or before.dtype == bool
        # The output of a layer is that of its last operator.
        layers.pop(found[0], None)
        layers[found[0]] = LayerError(
            layer=found[0],
            fused=found[1:],
            op=after.op,
            dtype=after.dtype.name,
            value_range=after.value_range,
            scale=after.scale,
            signal=float(np.sqrt(signal / size)),
            error=float(np.sqrt(error / size)),
            own_error=own.get(found[:1]) if after.scale else None,
            changed=float(changed / size) if whole_numbers else None,
        )
    return tuple(layers.values())


def _key(name: str) -> str:
    """The name of a tensor in both files: an output has its name twice where it is converted at the end."""
    return "output" if name.startswith("StatefulPartitionedCall") and "/" not in name else name


def _run(made: Any, image: np.ndarray) -> np.ndarray:
    """The one output of a file for one image."""
    made.set_tensor(made.get_input_details()[0]["index"], image[None])
    made.invoke()
    target = made.get_output_details()[0]
    return made.get_tensor(target["index"])


def _own_errors(verified: bytes, images: np.ndarray, names: LayerNames) -> dict[tuple[str, ...], float]:
    """{layer: root mean square of the error its operator adds}, from a file with operators that compare."""
    import tensorflow as tf

    # As tf.lite.experimental.QuantizationDebugger reads it, except for the names of tensors, which it cuts.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's interpreter, the only one with the operator, is deprecated.
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
    # The output of a layer is that of its last operator.
    return {
        names.of(called[op["inputs"][0]])[:1]: float(np.sqrt(square / len(images)))
        for op, square in zip(compared, squares, strict=True)
    }
