"""Export to SavedModel, the format of TensorFlow Serving."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg._types import ArrayLike, IgnoreClass, PathLike, Size
from keras_seg.export import exporter
from keras_seg.export.inference_graph import check_exportable, size_of_input
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
        InputError: if an argument is not as above, the path cannot be written, the folder exists, or an output is not
            finite.
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
        overwrite=overwrite,
    )
    return exporter.run(SAVED_MODEL, request)
