"""Export to SavedModel, ONNX and OpenVINO: float files for any batch and size."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, PathLike, Size
from keras_seg.export import exporter
from keras_seg.export.exportable import check_exportable, size_of_input
from keras_seg.export.onnx_format import ONNX
from keras_seg.export.openvino_format import OPENVINO
from keras_seg.export.report import ExportReport
from keras_seg.export.request import Request
from keras_seg.export.saved_model_format import SAVED_MODEL


def saved_model(
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
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Write a SavedModel folder, load it back without Keras, and compare it with Keras before returning.

    Batch is dynamic, and so are height and width where the model's are. The signature `serving_default` takes `image`,
    raw 0..255 values, and returns the maps by name: `probabilities` or `logits`, `class_ids`, or both.

    Args:
        model: keras.Model. With one image input, on the TensorFlow backend.
        path: str or path. The folder.
        input_size: int or (height, width) to fix. Defaults to None, for the model's own size, which may be dynamic.
        batch_size: int to fix. Defaults to None, for any.

    Other arguments: see `tflite`.

    Returns:
        An `ExportReport`.

    Raises:
        InputError: if an argument is not as above, the path cannot be written, the folder exists or holds other files
            too, which are not replaced even by `overwrite`, or an output is not finite.
        RuntimeError: if the folder's model computes other numbers; nothing is written then.
        ImportError: if tensorflow is missing.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.saved_model(model, "unet_saved_model")
    ```
    """
    SAVED_MODEL.check_installed()
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
        facts=facts,
        overwrite=overwrite,
    )
    return exporter.run(SAVED_MODEL, request)


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
    facts: Mapping[str, Any] | None = None,
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
        RuntimeError: if the converter or the runtime fails, or the file computes other numbers; nothing is written.
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
        facts=facts,
        overwrite=overwrite,
    )
    return exporter.run(ONNX, request)


def openvino(
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
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Write an OpenVINO model, load it back with OpenVINO, and compare it with Keras before returning.

    Two files are written: `path`, which ends in `.xml`, and the weights beside it, under the same name with `.bin`.
    Input and outputs are named as those of `saved_model`. Needs `pip install "keras-seg[openvino]"`.

    The comparison and the timing compute in float32. On processors that have them, OpenVINO prefers bfloat16
    operations, which are faster and coarser; `INFERENCE_PRECISION_HINT="f32"` given to `compile_model` decides.

    Args:
        model: keras.Model. With one image input, on the TensorFlow backend.
        path: str or path. The `.xml` file.
        input_size: int or (height, width) to fix. Defaults to None, for the model's own size, which may be dynamic.
        batch_size: int to fix. Defaults to None, for any.

    Other arguments: see `tflite`.

    Returns:
        An `ExportReport`.

    Raises:
        InputError: if an argument is not as above, the path cannot be written, a file exists, an output is not
            finite, or the model needs an operator that OpenVINO lacks, whose layer is named.
        RuntimeError: if the converter or the runtime fails, or the file computes other numbers; nothing is written.
        ImportError: if openvino is missing.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.openvino(model, "unet.xml")
    ```
    """
    OPENVINO.check_installed()
    check_exportable(model)
    if pathlib.Path(path).suffix != ".xml":
        _validation.fail("path", "must end in .xml; the weights are written beside it as .bin", str(path))
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
        facts=facts,
        overwrite=overwrite,
    )
    return exporter.run(OPENVINO, request)
