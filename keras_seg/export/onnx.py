"""Export to ONNX, the format of ONNX Runtime and many others."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg._types import ArrayLike, IgnoreClass, PathLike, Size
from keras_seg.export import exporter
from keras_seg.export.inference_graph import check_exportable, size_of_input
from keras_seg.export.onnx_format import ONNX
from keras_seg.export.report import ExportReport
from keras_seg.export.request import Request


def onnx(
    model: keras.Model,
    path: PathLike,
    *,
    input_size: Size | None = None,
    batch_size: int | None = None,
    input: str = "float32",
    output: str = "scores",
    images: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    colors: Any = None,
    overwrite: bool = False,
) -> ExportReport:
    """Write an ONNX file, load it back with ONNX Runtime, and compare it with Keras before returning.

    Input and outputs are named as those of `saved_model`, in the layout (batch, height, width, channels). Needs
    `pip install "keras-seg[onnx]"`.

    Args:
        model: keras.Model. With one image input, on the TensorFlow backend.
        path: str or path. The `.onnx` file.
        input_size: int or (height, width) to fix. Defaults to None, for the model's own size, which may be dynamic.
        batch_size: int to fix. Defaults to None, for any.

    Other arguments: see `tflite`.

    Returns:
        An `ExportReport`.

    Raises:
        InputError: if an argument is not as above, the path cannot be written, the file exists, an output is not
            finite, or the model needs an operator that ONNX lacks, whose layer is named.
        RuntimeError: if the file computes other numbers; nothing is written then.
        ImportError: if tf2onnx or onnxruntime is missing.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.onnx(model, "unet.onnx")
    ```
    """
    ONNX.check_installed()
    check_exportable(model)
    request = Request(
        model=model,
        path=path,
        size=size_of_input(model, input_size, dynamic=True),
        batch_size=batch_size,
        input=input,
        output=output,
        images=images,
        masks=masks,
        ignore_class=ignore_class,
        class_names=class_names,
        colors=colors,
        overwrite=overwrite,
    )
    return exporter.run(ONNX, request)
