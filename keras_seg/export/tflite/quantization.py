"""How a TFLite file is converted: the types it computes in."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.export.tflite.float_nodes import float_nodes
from keras_seg.export.tflite.operator_order import with_padding_first
from keras_seg.export.tflite.zero_ranges import with_ranges

if TYPE_CHECKING:
    from keras_seg.export.request import Request

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int16x8")
# The kinds with integer activations, whose ranges are measured on images.
CALIBRATED = ("int8", "int16x8")
# Bytes of weights beyond which equal constants are not looked for.
_LARGE = 2**26


def converter_of(module: Any, quantize: str | None, *, input: str, representative: Sequence[np.ndarray] | None) -> Any:
    """A `tf.lite.TFLiteConverter` of a `traced_module`, with the images of `representative_images`, or None."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    builtins = tf.lite.OpsSet.TFLITE_BUILTINS
    converter.target_spec.supported_ops = [builtins]
    # Notes about the conversion, for which the whole file would be unpacked and packed once more.
    converter.exclude_conversion_metadata = True
    if quantize is None:
        return converter
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize in CALIBRATED:
        converter.representative_dataset = lambda: ([image] for image in representative or ())
    if quantize == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(input)
    if quantize == "int16x8":
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide, builtins]
    return converter


def converted(module: Any, request: "Request") -> bytes:
    """A `traced_module` as the bytes of a TFLite file."""
    converter = converter_of(module, request.quantize, input=request.input, representative=request.representative)
    if request.quantize not in CALIBRATED and 4 * module.model.count_params() > _LARGE:
        # The last step for such files is to store equal constants once, which saves some kilobytes. The converter
        # unpacks the whole file for it and packs it again: three copies of the weights, and a tenth of the time.
        converter._optimize_tflite_model = lambda content, *_, **__: content
    if request.quantize != "int8":
        return converter.convert()
    calibrated = calibrated_by(converter)
    kept = float_nodes(calibrated, module.model, request.float_layers)
    output = "float32" if len(request.float_layers) else request.input
    return quantized(calibrated, input=request.input, output=output, kept=kept)


def calibrated_by(converter: Any) -> bytes:
    """The bytes of a float32 file that holds the ranges of its tensors."""
    # What tf.lite.experimental.QuantizationDebugger does to leave operators out; it writes no integer inputs.
    converter._experimental_calibrate_only = True
    return with_padding_first(with_ranges(converter.convert()))


def quantized(
    calibrated: bytes,
    *,
    input: str = "float32",
    output: str = "float32",
    kept: Iterable[str] = (),
    verified: bool = False,
) -> bytes:
    """An int8 file from the result of `calibrated_by`.

    Args:
        calibrated: bytes.
        input: str. The type of the input. Defaults to "float32".
        output: str. The type of the output. Defaults to "float32".
        kept: names of the tensors whose operators stay in float32. Defaults to none.
        verified: bool. Whether each int8 operator has its float32 form beside it, on the same input, with an operator
            that compares them, for `export.layer_errors`. Defaults to False.
    """
    import tensorflow as tf
    from tensorflow.lite.python import convert

    mlir_quantize: Any = convert.mlir_quantize
    return mlir_quantize(
        calibrated,
        input_data_type=tf.as_dtype(input),
        output_data_type=tf.as_dtype(output),
        enable_numeric_verify=verified,
        denylisted_nodes=list(kept),
    )
