"""Export to TFLite, the format of phones."""

import numpy as np

from keras_seg import _validation
from keras_seg.export.artefact import THREADS, Loaded, Request, export
from keras_seg.export.serving import serving_module
from keras_seg.export.shipped_form import check_exportable, fixed_size, shipped_form


def tflite(
    model,
    path,
    input_size=None,
    images=None,
    overwrite=False,
    input="float32",
    output="probabilities",
    batch_size=1,
):
    """Write a float32 TFLite file, load it back, and compare it with Keras before returning.

    The file has one input, an image of raw 0..255 values, and holds only built-in operators: a model that needs Flex
    (select TensorFlow) operators is refused, because such a file stops at the phone.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        path: str or path, of the `.tflite` file.
        input_size: int or (height, width). Defaults to the model's own size, where that is fixed.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to two images of seeded noise.
        overwrite: bool. Whether an existing file may be replaced. Defaults to False.
        input: "float32" or "uint8", the type of `image`. Defaults to "float32".
        output: "probabilities" (float32), "class_ids" (int32, the most probable class) or "both". Defaults to
            "probabilities".
        batch_size: int. Defaults to 1.

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
    request = Request(path, size, input, output, _validation.integer("batch_size", batch_size), images, overwrite)

    def write(aside):
        aside.write_bytes(_convert(serving_module(shipped_form(model, size), request)))

    return export("tflite", model, request, write, _load)


def _convert(module):
    """A module as TFLite bytes, built-in operators only."""
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting to TFLite")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return converter.convert()
    except Exception as error:
        reasons = [line.strip() for line in str(error).splitlines() if "op" in line.lower()] or [str(error)]
        raise RuntimeError(f"TFLite has no built-in operator for a part of this model: {reasons[0][:300]}") from error


def _load(path):
    """A TFLite file under its own interpreter."""
    interpreter = _interpreter(path)
    interpreter.allocate_tensors()
    ops = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
    if flex := sorted(name for name in ops if name.startswith(("Flex", "CUSTOM"))):
        raise RuntimeError(f"{path.name} was not written: it needs operators that phones lack: {', '.join(flex)}.")
    serve = interpreter.get_signature_runner()

    def run(batch):
        return {name: np.array(value) for name, value in serve(image=batch).items()}

    return Loaded(run, tuple(sorted(ops)))


def _interpreter(path):
    """LiteRT's own interpreter where it is installed, and the one inside TensorFlow otherwise."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow import lite

        Interpreter = lite.Interpreter  # noqa: N806  A lazy attribute, which cannot be imported by name.
    return Interpreter(model_path=str(path), num_threads=THREADS)
