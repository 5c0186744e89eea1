"""Export to ONNX, the format of ONNX Runtime and many others."""

import contextlib
import logging

from keras_seg import _validation
from keras_seg.export.exporter import THREADS, Loaded, export, request_of_any_size
from keras_seg.export.onnx_graph import to_onnx
from keras_seg.export.unsupported import unsupported

# Old enough for runtimes of 2022 on, new enough for every operator here.
_OPSET = 17


def onnx(
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
    """Write an ONNX file, load it back with ONNX Runtime, and compare it with Keras before returning.

    Input and outputs are named as those of `saved_model`, in the layout (batch, height, width, channels). Needs
    `pip install "keras-seg[onnx]"`.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        path: str or path, of the `.onnx` file.
        input_size: int or (height, width) to fix. Defaults to None, for the model's own size, which may be dynamic.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to seeded noise, at two different
            sizes where the size is dynamic.
        overwrite: bool. Whether an existing file may be replaced. Defaults to False.
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
        ValueError: if an argument is not as above, the path cannot be written, the file exists, or the model needs an
            operator that ONNX lacks: the layer is named.
        RuntimeError: if what was written computes other numbers; nothing is written then.
        ImportError: if tf2onnx or onnxruntime is missing.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.onnx(model, "unet.onnx")
    ```
    """
    _validation.optional_import("tf2onnx", "onnx", "Exporting to ONNX")
    _validation.optional_import("onnxruntime", "onnx", "Exporting to ONNX")
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
        with _quiet():
            aside.write_bytes(to_onnx(module, _OPSET).SerializeToString())
        if foreign := _foreign(aside):
            raise unsupported("ONNX", foreign, model, request)

    return export("onnx", model, request, write=write, load=load)


def load(path):
    """An ONNX file under ONNX Runtime: `Loaded`."""
    import onnx as files  # Comes with tf2onnx.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_outputs()]

    def run(batch):
        return dict(zip(names, session.run(names, {"image": batch}), strict=True))

    return Loaded(run, tuple(sorted({node.op_type for node in files.load(path).graph.node})))


def _foreign(path):
    """The operators of a file that ONNX does not define: tf2onnx leaves TensorFlow's where it knows no other."""
    import onnx as files

    ahead, found = [files.load(path).graph], set()
    while ahead:
        for node in ahead.pop().node:
            ahead.extend(attribute.g for attribute in node.attribute if attribute.HasField("g"))
            if not files.defs.has(node.op_type, node.domain):
                found.add(node.op_type)
    return found


@contextlib.contextmanager
def _quiet():
    """tf2onnx logs every step of its optimizer."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # Operators it does not know are an error of ours.
    try:
        yield
    finally:
        logger.setLevel(level)
