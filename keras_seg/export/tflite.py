"""Export to TFLite, the format of phones."""

import numpy as np

from keras_seg import _validation
from keras_seg.export import quantization
from keras_seg.export.artefact import THREADS, Loaded, Request, export
from keras_seg.export.description import described
from keras_seg.export.serving import class_channels
from keras_seg.export.shipped_form import check_exportable, fixed_size
from keras_seg.export.tflite_metadata import with_metadata


def tflite(
    model,
    path,
    input_size=None,
    images=None,
    overwrite=False,
    input="float32",
    output="probabilities",
    batch_size=1,
    quantize=None,
    representative=None,
    labels=None,
    ignore_class=None,
    class_names=None,
    colors=None,
    float_layers=(),
):
    """Write a TFLite file, load it back, and compare it with Keras before returning.

    The file has one input, an image of raw 0..255 values, and holds only built-in operators: a model that needs Flex
    (select TensorFlow) operators is refused, because such a file stops at the phone.

    | `quantize` | weights | activations | size |
    |---|---|---|---|
    | None | float32 | float32 | 1 |
    | `"float16"` | float16 | float32, or float16 on a GPU | 1/2 |
    | `"dynamic"` | int8, a scale for each channel | float32 between layers, int8 inside | 1/4 |
    | `"int8"` | int8 | int8, ranges measured on `representative` | 1/4 |
    | `"int16x8"` | int8 | int16, likewise; slow on CPUs | 1/4 |

    A float32 file that computes other numbers is not written. A quantized one computes others by nature: the report
    says how far off it is, and with `labels` what that costs in mean IoU.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        path: str or path, of the `.tflite` file.
        input_size: int or (height, width). Defaults to the model's own size, where that is fixed.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to two images of seeded noise.
        overwrite: bool. Whether an existing file may be replaced. Defaults to False.
        input: "float32" or "uint8", the type of `image`; with `quantize="int8"` also "int8". The probabilities of an
            int8 file have the same type, to be read with the scale and zero point in the file. Defaults to "float32".
        output: "probabilities" (float32), "class_ids" (int32, the most probable class) or "both". Defaults to
            "probabilities".
        batch_size: int. Defaults to 1.
        quantize: None or one of the above. Defaults to None.
        representative: images that the ranges of "int8" and "int16x8" are measured on, some hundred of those the model
            was trained on: array (n, height, width, channels), 0..255, or an iterable of images, of batches, or of
            (images, masks), such as a dataset. At most two hundred are taken. Defaults to None.
        labels: int array (n, height, width), the masks of `images`, for the mean IoU of both. Defaults to None.
        ignore_class: labels to leave out, an int or a sequence of ints. Defaults to None.
        class_names: a name for each class, for clients. Defaults to None, for "class_0" and so on.
        colors: (red, green, blue) in 0..255 for each class, for clients. Defaults to None, for
            `visualization.palette`.
        float_layers: names of layers, or patterns such as `"decoder*"`, that an int8 file goes on computing in float32,
            where `export.layer_errors` finds that int8 does them harm; the probabilities are float32 then. Defaults to
            none.

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
    _validation.integer("batch_size", batch_size)
    quantization.check(quantize, input, representative, float_layers)
    if representative is not None:
        representative = quantization.representative_images(representative, size, model.input_shape[-1])
    request = Request(
        path, size, input, output, batch_size, images, overwrite, labels, ignore_class, class_names, colors, quantize
    )

    def write(module, aside):
        converted = _convert(module, request, representative, float_layers)
        aside.write_bytes(with_metadata(converted, described(class_channels(model), request)))

    return export("tflite", model, request, write, _load)


def _convert(module, request, representative, float_layers):
    """A module as TFLite bytes, built-in operators only."""
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting to TFLite")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    quantization.configure(tf, converter, request.quantize, request.input, representative)
    try:
        return quantization.converted(converter, module.model, request.quantize, request.input, float_layers)
    except _validation.InputError:
        raise
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
    source, targets = serve.get_input_details()["image"], serve.get_output_details()

    def run(batch):
        if source["dtype"] == np.int8:
            batch = (batch.astype("int16") - 128).astype("int8")
        return {name: _in_floats(np.array(value), targets[name]) for name, value in serve(image=batch).items()}

    return Loaded(run, tuple(sorted(ops)))


def _in_floats(values, details):
    """Numbers of an int8 file as what they stand for; others as they are."""
    scale, zero = details["quantization"]
    return values if scale == 0 else (values.astype("float32") - zero) * np.float32(scale)


def _interpreter(path):
    """LiteRT's own interpreter where it is installed, and the one inside TensorFlow otherwise."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow import lite

        Interpreter = lite.Interpreter  # noqa: N806  A lazy attribute, which cannot be imported by name.
    return Interpreter(model_path=str(path), num_threads=THREADS)
