"""Export to TFLite, the format of phones."""

import re

import numpy as np

from keras_seg import _validation
from keras_seg.export.exporter import THREADS, Loaded, Request, export
from keras_seg.export.inference_graph import check_exportable, size_of_input
from keras_seg.export.tflite import quantization
from keras_seg.export.tflite.interpreter import runtime
from keras_seg.export.tflite.metadata import with_metadata
from keras_seg.export.unsupported import unsupported

# How the converter names an operator that it has no counterpart for: 'tf.Name' op is neither a custom op nor a flex op.
_LACKING = re.compile(r"'?tf\.(\w+)'? op is neither a custom op nor a flex op")


def tflite(
    model,
    path,
    *,
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
        input_size: int or (height, width); (None, None) for any size, which the client then sets with
            `resize_tensor_input`. Defaults to the model's own size, where that is fixed.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to two images of seeded noise, at
            two different sizes where the size is dynamic.
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
        ValueError: if an argument is not as above, the path cannot be written, the file exists, or the model needs an
            operator that TFLite lacks: the layer is named.
        RuntimeError: if the file computes other numbers, or cannot run at any size where that was asked for; nothing
            is written.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.tflite(model, "unet.tflite", input_size=(256, 256))
    print(report.max_abs_difference, report.ops)
    ```
    """
    check_exportable(model)
    size = size_of_input(model, input_size)
    _validation.integer("batch_size", batch_size)
    quantization.check(quantize, input, representative, float_layers)
    if representative is not None:
        if None in size:
            rule = f'must be fixed for quantize="{quantize}", whose ranges are measured at one size'
            _validation.fail("input_size", rule, size, "For example (256, 256).")
        representative = quantization.representative_images(representative, size, model.input_shape[-1])
    request = Request(
        path=path,
        size=size,
        input=input,
        output=output,
        batch_size=batch_size,
        images=images,
        overwrite=overwrite,
        labels=labels,
        ignore_class=ignore_class,
        class_names=class_names,
        colors=colors,
        quantize=quantize,
    )

    def write(module, aside, description):
        aside.write_bytes(
            with_metadata(
                _convert(model, module, request, representative=representative, float_layers=float_layers), description
            )
        )

    return export("tflite", model, request, write=write, load=load)


def _convert(model, module, request, *, representative, float_layers):
    """A module that serves a model as TFLite bytes, built-in operators only."""
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting to TFLite")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    quantization.configure(tf, converter, request.quantize, input=request.input, representative=representative)
    try:
        return quantization.converted(
            converter, module.model, request.quantize, input=request.input, float_layers=float_layers
        )
    except _validation.InputError:
        raise
    except Exception as error:
        if lacking := set(_LACKING.findall(str(error))):
            raise unsupported("TFLite", lacking, model, request) from error
        raise RuntimeError(f"TFLite cannot hold this model: {_first_line(error)}") from error


def _first_line(error):
    """What a converter says first, without its stack."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]


def load(path):
    """A TFLite file under its own interpreter: `Loaded`."""
    interpreter = interpreter_of(path)
    # Before tensors are allocated, when a delegate takes its operators' place.
    ops = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
    serve = interpreter.get_signature_runner()
    source, targets = serve.get_input_details()["image"], serve.get_output_details()
    dynamic = (source["shape_signature"][1:3] < 0).any()

    def run(batch):
        if source["dtype"] == np.int8:
            batch = (batch.astype("int16") - 128).astype("int8")
        try:
            found = serve(image=batch)
        except (RuntimeError, ValueError) as error:
            if not dynamic:
                raise
            height, width = batch.shape[1:3]
            raise RuntimeError(
                f"{path.name} was not written: TFLite cannot run this model at any size, it fails at "
                f"{height} x {width} ({_first_line(error)}). Fix the size: input_size=({height}, {width})."
            ) from error
        return {name: _in_floats(np.array(value), targets[name]) for name, value in found.items()}

    return Loaded(run, tuple(sorted(ops)))


def _in_floats(values, details):
    """Numbers of an int8 file as what they stand for; others as they are."""
    scale, zero = details["quantization"]
    return values if scale == 0 else (values.astype("float32") - zero) * np.float32(scale)


def interpreter_of(path, threads=THREADS):
    """The interpreter of a TFLite file, with as many threads."""
    make, _ = runtime()
    return make(model_path=str(path), num_threads=threads)
