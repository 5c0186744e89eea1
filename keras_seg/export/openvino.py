"""Export to OpenVINO, the format of Intel's runtime."""

import os
import pathlib
import re
import tempfile

from keras_seg import _validation
from keras_seg._files import size_on_disk, written_aside
from keras_seg.export.exporter import THREADS, Loaded, export, request_of_any_size
from keras_seg.export.unsupported import unsupported

# How the converter names operators that it has no counterpart for.
_LACKING = re.compile(r"No conversion rule found for operations: ([\w, ]+)")


def openvino(
    model,
    path,
    *,
    input_size=None,
    images=None,
    overwrite=False,
    input="float32",
    output="probabilities",
    batch_size=None,
    labels=None,
    ignore_class=None,
    class_names=None,
    colors=None,
):
    """Write an OpenVINO model, load it back with OpenVINO, and compare it with Keras before returning.

    Written are `path`, which ends in `.xml`, and the weights beside it, in a file of the same name ending in `.bin`.
    Input and outputs are named as those of `saved_model`. Needs `pip install "keras-seg[openvino]"`.

    The comparison and the timing compute in float32. On processors that have them OpenVINO prefers bfloat16
    operations, which are faster and coarser; `INFERENCE_PRECISION_HINT="f32"` given to `compile_model` decides.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        path: str or path, of the `.xml` file.
        input_size: int or (height, width) to fix. Defaults to None, for the model's own size, which may be dynamic.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to seeded noise, at two different
            sizes where the size is dynamic.
        overwrite: bool. Whether existing files may be replaced. Defaults to False.
        input: "float32" or "uint8", the type of `image`. Defaults to "float32".
        output: "probabilities" (float32), "class_ids" (int32, the most probable class) or "both". Defaults to
            "probabilities".
        batch_size: int to fix. Defaults to None, for any.
        labels: int array (n, height, width), the masks of `images`, for the mean IoU of both. Defaults to None.
        ignore_class: labels to leave out, an int or a sequence of ints. Defaults to None.
        class_names: a name for each class, for clients. Defaults to None, for "class_0" and so on.
        colors: (red, green, blue) in 0..255 for each class, for clients. Defaults to None, for
            `visualization.palette`.

    Returns:
        An `ExportReport`.

    Raises:
        ValueError: if an argument is not as above, the path cannot be written, a file exists, or the model needs an
            operator that OpenVINO lacks: the layer is named.
        RuntimeError: if what was written computes other numbers; nothing is written then.
        ImportError: if openvino is missing.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.openvino(model, "unet.xml")
    ```
    """
    ov = _validation.optional_import("openvino", "openvino", "Exporting to OpenVINO")
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting to OpenVINO")
    path = pathlib.Path(path)
    if path.suffix != ".xml":
        _validation.fail("path", "must end in .xml; the weights are written beside it as .bin", str(path))
    request = request_of_any_size(
        model,
        path,
        input_size,
        input=input,
        output=output,
        batch_size=batch_size,
        images=images,
        overwrite=overwrite,
        labels=labels,
        ignore_class=ignore_class,
        class_names=class_names,
        colors=colors,
    )

    def write(module, aside, description):
        with tempfile.TemporaryDirectory() as folder:
            tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
            try:
                converted = ov.convert_model(folder)
            except Exception as error:
                if lacking := _LACKING.findall(str(error)):
                    raise unsupported("OpenVINO", re.findall(r"\w+", ",".join(lacking)), model, request) from error
                raise
        for port in converted.outputs:
            port.set_names({port.any_name.split(":")[0]})
        ov.save_model(converted, aside, compress_to_fp16=False)

    with written_aside(path.with_suffix(".bin"), overwrite) as weights:

        def load_and_keep(aside):
            loaded = load(aside)
            os.replace(aside.with_suffix(".bin"), weights)
            return loaded

        return export(
            "openvino", model, request, write=write, load=load_and_keep, size_of=lambda aside: _size(aside, weights)
        )


def load(path):
    """An OpenVINO model under OpenVINO: `Loaded`."""
    import openvino as ov

    read = ov.Core().read_model(path)
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(read, "CPU", settings)

    def run(batch):
        return {port.any_name: value for port, value in compiled(batch).items()}

    return Loaded(run, tuple(sorted({operation.get_type_name() for operation in read.get_ops()})))


def _size(*files):
    return sum(size_on_disk(file) for file in files)
