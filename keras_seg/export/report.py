"""What an export says about itself."""

import dataclasses
import json
import pathlib

from keras_seg import _files

FILE = "export_report.json"


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """The proof that an exported file computes what the Keras model computes.

    The same stands in `export_report.json` beside the artefact, by the name of the artefact: one file tells of all
    exports of a folder.

    Attributes:
        format: str, such as "tflite".
        path: str, where the artefact lies.
        input_shape: tuple, of the input the comparison was made with, (batch, height, width, channels).
        input: str, the type of the image's values, "float32", "uint8" or "int8".
        output: str, "probabilities", "class_ids" or "both".
        quantize: str or None, as `export.tflite` takes it.
        ops: tuple of str, the distinct operators in the artefact, sorted.
        size_bytes: int, on disk.
        images: int, how many images were compared.
        max_abs_difference: float, the largest difference of any output value from Keras.
        agreement: float in [0, 1], the share of pixels with the same class as in Keras.
        share_apart: float in [0, 1], the share of pixels with a value further from Keras than 0.001. Without
            quantization above zero only for nets that unpool, where rounding decides between equal maxima.
        milliseconds: float, the median time of one call on this machine, with a batch of one where any will do.
        threads: int, how many threads it had; a SavedModel takes what TensorFlow gives it.
        worst_images: tuple of (position, agreement) of the images that agree least, at most five.
        keras_iou: tuple, the IoU of each class of Keras on `labels`, None for a class that does not occur; None
            without labels.
        iou: tuple, the same of the artefact.
    """

    format: str
    path: str
    input_shape: tuple
    input: str
    output: str
    quantize: str | None
    ops: tuple
    size_bytes: int
    images: int
    max_abs_difference: float
    agreement: float
    share_apart: float
    milliseconds: float
    threads: int
    worst_images: tuple = ()
    keras_iou: tuple | None = None
    iou: tuple | None = None

    @property
    def mean_iou(self):
        """The mean of `iou` over the classes that occur; None without labels."""
        return _mean(self.iou)

    @property
    def keras_mean_iou(self):
        """The mean of `keras_iou` over the classes that occur; None without labels."""
        return _mean(self.keras_iou)

    def to_dict(self):
        """The attributes and means as a JSON-ready dict."""
        means = {"mean_iou": self.mean_iou, "keras_mean_iou": self.keras_mean_iou}
        return {**dataclasses.asdict(self), **means}

    def write_beside(self):
        """Write the report into `export_report.json` beside the artefact; what it says of others stays."""
        artefact = pathlib.Path(self.path)
        file = artefact.parent / FILE
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        _files.write_json(file, {**content, artefact.name: self.to_dict()})


def _mean(values):
    present = [value for value in values or () if value is not None]
    return sum(present) / len(present) if present else None
