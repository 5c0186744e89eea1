"""What an export says about itself."""

import dataclasses
import json
import pathlib
import textwrap

from keras_seg import _files

FILE = "export_report.json"
# Columns of a terminal that the printed table keeps to, and where its values begin. Paths are never broken.
_COLUMNS, _INDENT = 80, 14


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The proof that an exported file computes what the Keras model computes.

    The same stands in `export_report.json` beside the artifact, by the name of the artifact: one file tells of all
    exports of a folder. `print(report)` gives a table of 80 columns.

    Attributes:
        format: str, such as "tflite".
        path: str, where the artifact lies.
        input_shape: tuple, of the input the comparison was made with, (batch, height, width, channels).
        input: str, the type of the image's values, "float32", "uint8" or "int8".
        output: str, "probabilities", "class_ids" or "both".
        quantize: str or None, as `export.tflite` takes it.
        ops: tuple of str, the distinct operators in the artifact, sorted.
        size_bytes: int, on disk.
        images: int, how many images were compared.
        max_abs_difference: float, the largest difference of any output value from Keras.
        agreement: float in [0, 1], the share of pixels with the same class as in Keras.
        share_apart: float in [0, 1], the share of pixels with a value further from Keras than 0.001. Without
            quantization above zero only for nets that unpool, where rounding decides between equal maxima.
        milliseconds: float, the median time of one call on this machine, of `timed_batch` images.
        threads: int, how many threads it had; a SavedModel takes what TensorFlow is set to.
        worst_images: tuple of (position, agreement) of the images that agree least, at most five.
        keras_iou: tuple, the IoU of each class of Keras on `labels`, None for a class that does not occur; None
            without labels.
        iou: tuple, the same of the artifact.
        class_names: tuple of str, the names of the classes.
        timed_batch: int, how many images a timed call has: one, where any number will do.
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
    class_names: tuple = ()
    timed_batch: int = 1

    @property
    def mean_iou(self):
        """The mean of `iou` over the classes that occur; None without labels."""
        return _mean(self.iou)

    @property
    def keras_mean_iou(self):
        """The mean of `keras_iou` over the classes that occur; None without labels."""
        return _mean(self.keras_iou)

    def __str__(self):
        """The report as a table of 80 columns."""
        batch, *shape = self.input_shape
        kind = self.format if self.quantize is None else f"{self.format}, {self.quantize}"
        worst = [(image, share) for image, share in self.worst_images if share < 1]
        images, threads = _counted(self.images, "image"), _counted(self.threads, "thread")
        pixels = "-128..127" if self.input == "int8" else "0..255"
        facts = {
            "Exported": self.path,
            "Format": f"{kind}, {self.size_bytes / 2**20:.2f} MiB",
            "Input": f"image, {self.input}, {pixels}; compared at {' x '.join(map(str, shape))}, batch {batch}",
            "Output": {"both": "probabilities and class_ids"}.get(self.output, self.output),
            "Operators": f"{len(self.ops)} kinds: {', '.join(self.ops)}",
            "Compared": f"{images} with Keras, largest difference {self.max_abs_difference:.1e}",
            "Same class": f"{_percent(self.agreement)} of pixels",
            "Worst images": ", ".join(f"{image} ({_percent(share)})" for image, share in worst),
            "Latency": f"{self.milliseconds:.1f} ms a call (median), batch {self.timed_batch}, {threads}",
        }
        lines = [line for name, value in facts.items() if value for line in _wrapped(name, value)]
        return "\n".join([*lines, *self._classes()])

    def _classes(self):
        """The IoU of each class, Keras' beside the artifact's; nothing without labels."""
        if self.iou is None:
            return
        names = self.class_names or [f"class_{index}" for index in range(len(self.iou))]
        width = max(_INDENT, min(40, max(len(name) for name in names) + 2))
        yield ""
        yield f"{'IoU':{width}}{'Keras':>8}{'file':>8}{'change':>8}"
        rows = [*zip(names, self.keras_iou, self.iou, strict=True), ("mean", self.keras_mean_iou, self.mean_iou)]
        for name, keras, file in rows:
            change = "" if None in (keras, file) else f"{100 * (file - keras):+.1f}"
            cells = ["absent" if value is None else f"{100 * value:.1f}" for value in (keras, file)]
            name = name if len(name) < width else f"{name[: width - 4]}..."
            yield f"{name:{width}}{cells[0]:>8}{cells[1]:>8}{change:>8}".rstrip()

    def to_dict(self):
        """The attributes and means as a JSON-ready dict."""
        means = {"mean_iou": self.mean_iou, "keras_mean_iou": self.keras_mean_iou}
        return {**dataclasses.asdict(self), **means}

    def write_beside(self):
        """Write the report into `export_report.json` beside the artifact; what it says of others stays."""
        artifact = pathlib.Path(self.path)
        file = artifact.parent / FILE
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        _files.write_json(file, {**content, artifact.name: self.to_dict()})


def _wrapped(name, value):
    """A name and its value, which goes on below itself where a line is full."""
    given = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": " " * _INDENT}
    return textwrap.wrap(f"{name:{_INDENT}}{value}", _COLUMNS, **given)


def _percent(share):
    """A share in percent, 100 only where it is all of them."""
    text = f"{100 * share:.2f}"
    return "over 99.99 %" if text == "100.00" and share < 1 else f"{text} %"


def _counted(count, name):
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _mean(values):
    present = [value for value in values or () if value is not None]
    return sum(present) / len(present) if present else None
