"""What delegates make of a file, as a table."""

import collections
import dataclasses
import textwrap
from typing import Any

from keras_seg.export.printed_fact import COLUMNS, printed_fact

_TITLES = {
    "gpu": "the phone GPU",
    "npu": "the NPU",
    "edgetpu": "the Edge TPU",
    "tensorrt": "TensorRT 10",
    "opencv": "OpenCV 4",
    "webgpu": "ORT Web GPU",
    "onnx2tf": "onnx2tf",
}
# These take a file as a whole or not at all.
_WHOLE = {"tensorrt", "opencv", "onnx2tf"}
# Layers that are printed per reason, and kinds of operators.
_MOST, _MOST_KINDS = 3, 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefusedNode:
    """A node that a delegate refuses, or a reader of ONNX files.

    Attributes:
        number: int. Its place in the order of computation.
        op: str. Such as "ARG_MAX"; in ONNX such as "ArgMax".
        layer: str. The Keras layer it comes from; the name of its output in a file of another exporter; in ONNX the
            name of the node, which begins with those of the model and the layer.
        reason: str.
        fix: str. What to change.
    """

    number: int
    op: str
    layer: str
    reason: str
    fix: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DelegateCheck:
    """What one delegate takes of a TFLite file, or one reader of an ONNX file.

    Attributes:
        delegate: str. "gpu", "npu" or "edgetpu"; of an ONNX file "tensorrt", "opencv" (of version 4), "webgpu" (ONNX
            Runtime Web with WebGPU, which leaves to the processor what it does not take) or "onnx2tf".
        nodes: int. How many operators the file has.
        accepted: int. How many of them the delegate takes.
        partitions: int. How many parts they lie in: 1 where nothing goes back to the processor in between.
        refused: tuple of `RefusedNode`.
        recent: tuple of str. The operators among the accepted ones that older GPU delegates refuse.
    """

    delegate: str
    nodes: int
    accepted: int
    partitions: int
    refused: tuple[RefusedNode, ...]
    recent: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the delegate takes the whole file."""
        return self.accepted == self.nodes

    @property
    def title(self) -> str:
        """The delegate as at the beginning of a line, such as "Phone GPU"."""
        title = _TITLES[self.delegate]
        return title if not title.startswith("the ") else title[4].upper() + title[5:]

    @property
    def summary(self) -> str:
        """The whole in one line: the numbers, and what is refused."""
        ops = list(dict.fromkeys(node.op for node in self.refused))
        named = ", ".join(ops) if len(ops) <= _MOST_KINDS else f"{len(ops)} kinds"
        return f"{self}; not {named}" if self.refused else str(self)

    def refusals(self) -> list[str]:
        """The refused nodes as lines of 80 columns, those refused for the same reason together; [] without any."""
        grouped: dict[tuple[str, str], list[RefusedNode]] = {}
        for node in self.refused:
            grouped.setdefault((node.reason, node.fix), []).append(node)
        heading = "Left to the processor by" if self.delegate == "webgpu" else "Refused by"
        lines = ["", f"{heading} {_TITLES[self.delegate]}:"] if grouped else []
        for (reason, fix), nodes in grouped.items():
            ops = collections.Counter(node.op for node in nodes)
            counted = ", ".join(op if count == 1 else f"{count} {op}" for op, count in ops.items())
            named = counted if len(ops) <= _MOST_KINDS else f"{len(nodes)} nodes"
            layers = list(dict.fromkeys(node.layer for node in nodes))
            more = f" and {len(layers) - _MOST} more" if len(layers) > _MOST else ""
            text = f"{named} ({', '.join(layers[:_MOST])}{more}): {reason}. {fix}"
            lines += textwrap.wrap(
                text,
                COLUMNS,
                initial_indent="  ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        return lines

    def __str__(self) -> str:
        """Such as "101 of 101 nodes, 1 partition"; without the partitions for a reader that takes all or nothing."""
        if self.delegate in _WHOLE:
            return f"{self.accepted} of {self.nodes} nodes"
        parts = "partition" if self.partitions == 1 else "partitions"
        return f"{self.accepted} of {self.nodes} nodes, {self.partitions} {parts}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceCheck:
    """What LiteRT's GPU delegate computed on a Vulkan device of this machine, beside its results on the processor.

    Attributes:
        device: str. Such as "SwiftShader Device (Subzero)", which is a GPU in software.
        complete: bool. Whether it took the whole file.
        error: str. Why it did not run; "" where it ran.
        max_abs_difference: float or None. The largest difference of any output value; None where it did not run.
        agreement: float or None. The share of pixels of the same class, or of the same classes where they overlap.
    """

    device: str
    complete: bool
    error: str = ""
    max_abs_difference: float | None = None
    agreement: float | None = None

    def __str__(self) -> str:
        """Such as "SwiftShader: runs the whole file, 100.00 % of pixels of the same class"."""
        if self.error or self.agreement is None:
            return f"{self.device}: {self.error}"
        share, difference = f"{100 * self.agreement:.2f} %", f"{self.max_abs_difference:.1e}"
        return f"{self.device}: runs the whole file; same class on {share} of pixels, largest difference {difference}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class HalfPrecisionCheck:
    """A float file with all weights and results rounded to float16, as phone GPUs compute, beside the file itself.

    Attributes:
        agreement: float. The share of pixels of the same class, or of the same classes where they overlap.
        largest: float. The largest absolute value between two nodes; float16 holds 65504 at most.
        largest_layer: str. The layer that gives it.
        overflowing: tuple of str. The layers whose values are beyond 65504.
        mean_iou: float or None. Of the rounded file on `masks`; None without masks.
        float_mean_iou: float or None. The same of the file itself.
    """

    agreement: float
    largest: float
    largest_layer: str
    overflowing: tuple[str, ...] = ()
    mean_iou: float | None = None
    float_mean_iou: float | None = None

    def __str__(self) -> str:
        """A sentence."""
        text = f"same class on {100 * self.agreement:.2f} % of pixels"
        if self.mean_iou is not None and self.float_mean_iou is not None:
            text += f", mean IoU {100 * self.mean_iou:.1f} (float32: {100 * self.float_mean_iou:.1f})"
        text += f"; largest value {self.largest:.3g} in {self.largest_layer}"
        if self.overflowing:
            text += f"; beyond 65504, which float16 cannot hold, in {', '.join(self.overflowing)}"
        return text


@dataclasses.dataclass(frozen=True, kw_only=True)
class DelegateReport:
    """What delegates take of a TFLite file, or other programs of an ONNX file.

    `check_delegates` and `check_readers` make it.

    `print(report)` gives a table of 80 columns.

    Attributes:
        path: str.
        checks: tuple of `DelegateCheck`, one per delegate or reader.
        half_precision: `HalfPrecisionCheck` or None, for files that do not compute in floats or have no fixed size, or
            that another program exported; for ONNX files.
        device: `DeviceCheck` or None, where LiteRT finds no Vulkan device on this machine; for ONNX files.
    """

    path: str
    checks: tuple[DelegateCheck, ...]
    half_precision: HalfPrecisionCheck | None = None
    device: DeviceCheck | None = None

    def __getitem__(self, delegate: str) -> DelegateCheck:
        """The check of a delegate or reader."""
        return next(check for check in self.checks if check.delegate == delegate)

    @property
    def complete(self) -> bool:
        """Whether all that were checked take the whole file."""
        return all(check.complete for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a JSON-ready dict."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        """The report as a table of 80 columns."""
        lines = printed_fact("File", self.path)
        for check in self.checks:
            lines += printed_fact(check.title, str(check))
            if check.recent:
                lines += printed_fact("", f"refused by older GPU delegates: {', '.join(check.recent)}")
        if self.device is not None:
            lines += printed_fact("Ran on", str(self.device))
        if self.half_precision is not None:
            lines += printed_fact("In float16", str(self.half_precision))
        for check in self.checks:
            lines += check.refusals()
        return "\n".join(lines)
