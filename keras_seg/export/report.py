"""The report of an export."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from keras_seg import _files
from keras_seg._export_report import REPORT_FILE, reports_in
from keras_seg.export.delegates.report import DelegateCheck
from keras_seg.export.printed_fact import INDENT, printed_fact


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The evidence that an exported file computes what the Keras model computes.

    The same is in `export_report.json` beside the file, under the name of the file: one report file describes all
    exports of a folder. `print(report)` gives a table of 80 columns.

    Attributes:
        format: str. Such as "tflite".
        path: str. Where the file is.
        input_shape: tuple. The input of the comparison, (batch, height, width, channels); that of its first call.
        input: str. The type of the image's values, "float32", "uint8" or "int8".
        output: str. "scores", "class_ids" or "both", or "probabilities" where it was claimed.
        outputs: tuple of str. The names of the outputs in the file, such as "probabilities", "logits", "class_ids".
        quantize: str or None. As `export.tflite` takes it.
        ops: tuple of str. The distinct operators in the file, sorted.
        size_bytes: int. On disk.
        images: int. How many images were compared.
        max_abs_difference: float. The largest difference of any output value from Keras.
        agreement: float in [0, 1]. The share of pixels with the same class as in Keras. Where classes overlap, as after
            a sigmoid unless the file or the masks hold class ids, that of pixels with all the same classes above 0.5.
        share_apart: float in [0, 1]. The share of pixels with a value further from Keras than 0.001. Without
            quantization, above zero only for models that unpool, where rounding decides between equal maxima.
        milliseconds: float. The median time of one call on this machine, for `timed_batch` images.
        threads: int. How many threads it had; a SavedModel takes the number that TensorFlow is set to.
        worst_images: tuple of (position, agreement) of the images that agree least, at most five.
        keras_iou: tuple or None. The IoU of each class of Keras on `masks`, None for a class that does not occur; None
            without masks.
        iou: tuple or None. The same for the file.
        class_names: tuple of str. The names of the classes.
        timed_batch: int. How many images a timed call has: one, where any number is possible.
        delegates: tuple of `DelegateCheck`. What phone GPUs, and NPUs where it is quantized, take of a TFLite file, of
            which `check_delegates` tells more; what other readers than ONNX Runtime take of an ONNX file. Empty for
            other formats.
    """

    format: str
    path: str
    input_shape: tuple[int, ...]
    input: str
    output: str
    outputs: tuple[str, ...]
    quantize: str | None
    ops: tuple[str, ...]
    size_bytes: int
    images: int
    max_abs_difference: float
    agreement: float
    share_apart: float
    milliseconds: float
    threads: int
    worst_images: tuple[tuple[int, float], ...] = ()
    keras_iou: tuple[float | None, ...] | None = None
    iou: tuple[float | None, ...] | None = None
    class_names: tuple[str, ...] = ()
    timed_batch: int = 1
    delegates: tuple[DelegateCheck, ...] = ()

    @property
    def mean_iou(self) -> float | None:
        """The mean of `iou` over the classes that occur; None without masks."""
        return mean(self.iou)

    @property
    def keras_mean_iou(self) -> float | None:
        """The mean of `keras_iou` over the classes that occur; None without masks."""
        return mean(self.keras_iou)

    def __str__(self) -> str:
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
            "Output": " and ".join(self.outputs),
            "Operators": f"{len(self.ops)} kinds: {', '.join(self.ops)}",
            "Compared": f"{images} with Keras, largest difference {self.max_abs_difference:.1e}",
            "Same class": f"{_percent(self.agreement)} of pixels",
            "Worst images": ", ".join(f"{image} ({_percent(share)})" for image, share in worst),
            "Latency": f"{self.milliseconds:.1f} ms per call (median), batch {self.timed_batch}, {threads}",
            **{check.title: check.summary for check in self.delegates},
        }
        lines = [line for name, value in facts.items() if value for line in printed_fact(name, value)]
        # `check_delegates` prints those of a TFLite file.
        refused = [line for check in self.delegates for line in check.refusals()] if self.format == "onnx" else []
        return "\n".join([*lines, *refused, *self._classes()])

    def _classes(self) -> Iterator[str]:
        """The IoU of each class in Keras and in the file; nothing without masks."""
        if self.iou is None or self.keras_iou is None:
            return
        names = self.class_names or [f"class_{index}" for index in range(len(self.iou))]
        width = max(INDENT, min(40, max(len(name) for name in names) + 2))
        yield ""
        yield f"{'IoU':{width}}{'Keras':>8}{'file':>8}{'change':>8}"
        rows = [*zip(names, self.keras_iou, self.iou, strict=True), ("mean", self.keras_mean_iou, self.mean_iou)]
        for name, keras, file in rows:
            change = "" if keras is None or file is None else f"{100 * (file - keras):+.1f}"
            cells = ["absent" if value is None else f"{100 * value:.1f}" for value in (keras, file)]
            name = name if len(name) < width else f"{name[: width - 4]}..."
            yield f"{name:{width}}{cells[0]:>8}{cells[1]:>8}{change:>8}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """The attributes and means as a JSON-ready dict."""
        means = {"mean_iou": self.mean_iou, "keras_mean_iou": self.keras_mean_iou}
        return {**dataclasses.asdict(self), **means}

    def _write_beside(self) -> None:
        """Write the report into `export_report.json` beside the file; the reports of other files stay."""
        artifact = pathlib.Path(self.path)
        content = {**reports_in(artifact.parent), artifact.name: self.to_dict()}
        _files.write_json(artifact.parent / REPORT_FILE, content)


def _percent(share: float) -> str:
    """A share in percent; 100 only for the whole."""
    text = f"{100 * share:.2f}"
    return "over 99.99 %" if text == "100.00" and share < 1 else f"{text} %"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def mean(values: Sequence[float | None] | None) -> float | None:
    """The mean of the values that are not None; None if there are none."""
    present = [value for value in values or () if value is not None]
    return sum(present) / len(present) if present else None
