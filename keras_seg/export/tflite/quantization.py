"""How a TFLite file is made smaller: which types it computes in, and the images its ranges are measured on."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg import _validation
from keras_seg.export.tflite.float_nodes import float_nodes

if TYPE_CHECKING:
    from keras_seg.export.request import Request

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int16x8")
# The kinds with integer activations, whose ranges are measured on images.
CALIBRATED = ("int8", "int16x8")
_MOST_IMAGES = 200
_INPUTS = ("float32", "uint8", "int8")


def check(
    quantize: str | None,
    *,
    input: str,
    size: tuple[int | None, int | None],
    representative: Iterable[Any] | None,
    float_layers: Sequence[str] = (),
) -> None:
    """Fail unless the options fit one another."""
    _validation.one_of("quantize", quantize, QUANTIZATIONS)
    _validation.one_of("input", input, _INPUTS)
    if input == "int8" and quantize != "int8":
        _validation.fail("input", 'may be "int8" with quantize="int8" only', input, 'Pass input="uint8".')
    if quantize == "int16x8" and input != "float32":
        _validation.fail("input", 'must be "float32" with quantize="int16x8"', input)
    if quantize in CALIBRATED and representative is None:
        fix = "Pass about a hundred training images, or the dataset you train on."
        _validation.fail("representative", f'must be given for quantize="{quantize}"', None, fix)
    if quantize not in CALIBRATED and representative is not None:
        _validation.fail("representative", 'is for quantize="int8" and "int16x8"', type(representative).__name__)
    if quantize in CALIBRATED and None in size:
        rule = f'must be fixed for quantize="{quantize}", whose ranges are measured at one size'
        _validation.fail("input_size", rule, tuple(size), "For example (256, 256).")
    if quantize != "int8" and len(float_layers):
        fix = 'Drop it, or pass quantize="int8".'
        _validation.fail("float_layers", 'is for quantize="int8"', float_layers, fix)


def representative_images(given: Iterable[Any], size: tuple[int | None, int | None], channels: int) -> list[np.ndarray]:
    """The images that ranges are measured on: a list of float32 (1, height, width, channels), 0..255.

    Args:
        given: array (n, height, width, channels), or an iterable of images, of batches of images, or of
            (images, masks), such as a dataset. At most two hundred images are taken, and resized to `size`.
        size: (height, width) of the file's input.
        channels: int.
    """
    import tensorflow as tf

    found = []
    for image in itertools.islice(_single_images(given), _MOST_IMAGES):
        if image.ndim != 3 or image.shape[-1] != channels:
            rule = f"must hold images (height, width, {channels})"
            _validation.fail("representative", rule, tuple(image.shape))
        if image.shape[:2] != tuple(size):
            image = tf.image.resize(image, size, antialias=True).numpy()
        found.append(np.clip(image, 0, 255).astype("float32")[None])
    if not found:
        _validation.fail("representative", "must hold at least one image", "none")
    low, high = min(image.min() for image in found), max(image.max() for image in found)
    if high <= 1.0:
        fix = "Multiply them by 255: models take raw values."
        _validation.fail("representative", "must hold images of values 0..255", f"{low:.3g} to {high:.3g}", fix)
    # An integer input is scaled by the range that was seen: with 0..255 the scale is 1, and pixel values are unchanged.
    found[0][0, 0, 0] = 0.0
    found[0][0, -1, -1] = 255.0
    return found


def _single_images(given: Iterable[Any]) -> Iterator[np.ndarray]:
    for item in given:
        images = np.asarray(item[0] if isinstance(item, (tuple, list)) else item)
        yield from images if images.ndim == 4 else [images]


def converter_of(module: Any, quantize: str | None, *, input: str, representative: Sequence[np.ndarray] | None) -> Any:
    """A `tf.lite.TFLiteConverter` of a `traced_module`, with the images of `representative_images`, or None."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    builtins = tf.lite.OpsSet.TFLITE_BUILTINS
    converter.target_spec.supported_ops = [builtins]
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
    return converter.convert()


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
