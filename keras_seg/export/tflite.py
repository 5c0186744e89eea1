"""Export to TFLite, the format of phones."""

import numpy as np

from keras_seg import _validation
from keras_seg._files import size_on_disk, written_aside
from keras_seg.export.input_size import check_exportable, fixed_size
from keras_seg.export.report import ExportReport
from keras_seg.export.serving import serving_module
from keras_seg.export.verification import check_float32, compare, comparison_images, moved_by_rounding


def tflite(model, path, input_size=None, images=None, overwrite=False):
    """Write a float32 TFLite file, load it back, and compare it with Keras before returning.

    The file has one input, a float32 image of raw 0..255 values, and holds only built-in operators: a model that needs
    Flex (select TensorFlow) operators is refused, because such a file stops at the phone.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        path: str or path, of the `.tflite` file.
        input_size: int or (height, width). Defaults to the model's own size, where that is fixed.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to two images of seeded noise.
        overwrite: bool. Whether an existing file may be replaced. Defaults to False.

    Returns:
        An `ExportReport`.

    Raises:
        ValueError: if an argument is not as above, the path cannot be written, or the file exists.
        RuntimeError: if the model needs an operator TFLite lacks, or the file computes other numbers; nothing is
            written.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.tflite(model, "unet.tflite", input_size=(256, 256))
    print(report.max_abs_difference, report.ops)
    ```
    """
    check_exportable(model)
    size = fixed_size(model, input_size)
    images = comparison_images(model, images, size)
    with written_aside(path, overwrite) as aside:
        aside.write_bytes(_convert(model, (1, *size, model.input_shape[-1])))
        ops, outputs = _run(aside, images)
        expected = model.predict(images, batch_size=1, verbose=0)
        comparison = compare(expected, outputs)
        check_float32(comparison, moved_by_rounding(model, images, expected), path)
        size_bytes = size_on_disk(aside)
    return ExportReport(
        "tflite",
        str(path),
        (1, *images.shape[1:]),
        ops,
        size_bytes,
        len(images),
        comparison.difference,
        comparison.agreement,
        comparison.apart,
    )


def _convert(model, input_shape):
    """The model as TFLite bytes, built-in operators only."""
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting to TFLite")
    module = serving_module(model, input_shape)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return converter.convert()
    except Exception as error:
        reasons = [line.strip() for line in str(error).splitlines() if "op" in line.lower()] or [str(error)]
        raise RuntimeError(f"TFLite has no built-in operator for a part of this model: {reasons[0][:300]}") from error


def _run(path, images):
    """(operators, outputs) of a TFLite file under its own interpreter."""
    interpreter = _interpreter(path)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    ops = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
    if flex := sorted(name for name in ops if name.startswith(("Flex", "CUSTOM"))):
        raise RuntimeError(f"{path.name} was not written: it needs operators that phones lack: {', '.join(flex)}.")
    outputs = []
    for image in images:
        interpreter.set_tensor(source, image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target)[0])
    return tuple(sorted(ops)), np.stack(outputs)


def _interpreter(path):
    """LiteRT's own interpreter where it is installed, and the one inside TensorFlow otherwise."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow import lite

        Interpreter = lite.Interpreter  # noqa: N806  A lazy attribute, which cannot be imported by name.
    return Interpreter(model_path=str(path), num_threads=2)
