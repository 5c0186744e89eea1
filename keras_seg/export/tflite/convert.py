"""Export to TFLite, the format of phones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, PathLike
from keras_seg.export import exporter
from keras_seg.export.exportable import check_exportable, size_of_input
from keras_seg.export.report import ExportReport
from keras_seg.export.request import Request
from keras_seg.export.tflite import calibration
from keras_seg.export.tflite.tflite_format import TFLITE


def tflite(
    model: keras.Model,
    path: PathLike,
    *,
    input_size: int | tuple[int | None, int | None] | None = None,
    batch_size: int = 1,
    input: str = "float32",
    output: str = "scores",
    quantize: str | None = None,
    representative: Iterable[Any] | None = None,
    float_layers: Sequence[str] = (),
    images: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    colors: Any = None,
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Write a TFLite file, load it back, and compare it with Keras before returning.

    The file has one input, an image of raw 0..255 values, and holds only built-in operators: a model that needs Flex
    (select TensorFlow) operators is refused, because such a file does not run on phones.

    | `quantize` | weights | activations | size |
    |---|---|---|---|
    | None | float32 | float32 | 1 |
    | `"float16"` | float16 | float32, or float16 on a GPU | 1/2 |
    | `"dynamic"` | int8, a scale for each channel | float32 between layers, int8 inside | 1/4 |
    | `"int8"` | int8 | int8, ranges measured on `representative` | 1/4 |
    | `"int16x8"` | int8 | int16, likewise; slow on CPUs | 1/4 |

    A float32 file that computes other numbers is not written. A quantized file always computes other numbers: the
    report shows how far off they are, and with `masks` the cost in mean IoU.

    The scores are named for what they are: "probabilities" after a softmax or sigmoid, "logits" without, and "scores"
    where the last layers of the model do not show which.

    Args:
        model: keras.Model. With one image input, on the TensorFlow backend.
        path: str or path. The `.tflite` file.
        input_size: int or (height, width); (None, None) for any size, which the client then sets with
            `resize_tensor_input`. Defaults to the model's own size, where that is fixed.
        batch_size: int. Defaults to 1.
        input: str. "float32" or "uint8", the type of `image`; with `quantize="int8"` also "int8". The scores of an int8
            file have the same type, to be read with the scale and zero point in the file. Defaults to "float32".
        output: str. "scores" (float32, the output of the model), "class_ids" (int32, the class with the highest score;
            a single channel is class 1 above 0.5, or above 0 for logits) or "both". "probabilities" is "scores" with
            the claim that they are probabilities, which is refused for logits. Defaults to "scores".
        quantize: None or one of the above. Defaults to None.
        representative: images that the ranges of "int8" and "int16x8" are measured on, about a hundred of the training
            images: array (n, height, width, channels), 0..255, or an iterable of images, of batches, or of
            (images, masks), such as a dataset. At most two hundred are taken. Defaults to None.
        float_layers: sequence of str. Names of layers, or patterns such as `"decoder*"`, that an int8 file computes in
            float32, where `export.layer_errors` finds that int8 harms them; the scores are float32 then. Defaults to
            none.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to two images of seeded noise, at
            two different sizes where the size is dynamic.
        masks: int array (n, height, width). The ground truth of `images`, for the mean IoU of both. Defaults to None.
        ignore_class: int or sequence of ints. Labels to leave out. Defaults to None.
        class_names: sequence of str. A name for each class, for clients. Defaults to None, for "class_0" and so on.
        colors: (red, green, blue) in 0..255 for each class, for clients. Defaults to None, for
            `visualization.palette`.
        facts: dict that JSON can hold, to be kept in the file's description: what a client should know besides, such
            as the task. Defaults to None.
        overwrite: bool. Whether an existing file may be replaced. Defaults to False.

    Returns:
        An `ExportReport`.

    Raises:
        InputError: if an argument is not as above, the path cannot be written, the file exists, an output is not
            finite, or the model needs an operator that TFLite lacks, whose layer is named.
        RuntimeError: if the converter or the runtime fails, the file computes other numbers, or it cannot run at any
            size where that was asked for; nothing is written.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.tflite(model, "unet.tflite", input_size=(256, 256))
    print(report.max_abs_difference, report.ops)
    ```
    """
    # `input` hides the built-in function: it is the word of the command line and of the converters too.
    check_exportable(model)
    TFLITE.check_installed()
    size = size_of_input(model, input_size)
    _validation.integer("batch_size", batch_size)
    calibration.check(quantize, input=input, size=size, representative=representative, float_layers=float_layers)
    if representative is not None:
        representative = calibration.representative_images(representative, size, model.input_shape[-1])
    request = Request(
        model=model,
        path=path,
        size=size,
        batch_size=batch_size,
        input=input,
        output=output,
        quantize=quantize,
        representative=representative,
        float_layers=float_layers,
        images=images,
        masks=masks,
        ignore_class=ignore_class,
        class_names=class_names,
        colors=colors,
        facts=facts,
        overwrite=overwrite,
    )
    return exporter.run(TFLITE, request)
