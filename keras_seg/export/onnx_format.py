"""ONNX files: how they are written and run."""

import contextlib
import logging
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keras_seg.export.format import THREADS, Format, Loaded
from keras_seg.export.onnx_graph import to_onnx
from keras_seg.export.request import Request
from keras_seg.export.unsupported import unsupported

if TYPE_CHECKING:
    import numpy as np

# Old enough for runtimes of 2022 on, new enough for every operator here.
_OPSET = 17


def _write(module: Any, path: pathlib.Path, request: Request) -> None:
    """Write a `traced_module` to an ONNX file."""
    with _quiet():
        path.write_bytes(to_onnx(module, _OPSET).SerializeToString())
    if foreign := _foreign(path):
        raise unsupported("ONNX", foreign, request)


def _foreign(path: pathlib.Path) -> set[str]:
    """The operators of a file that ONNX does not define: tf2onnx leaves TensorFlow's where it knows no other."""
    import onnx  # Comes with tf2onnx.

    ahead, found = [onnx.load(path).graph], set()
    while ahead:
        for node in ahead.pop().node:
            ahead.extend(attribute.g for attribute in node.attribute if attribute.HasField("g"))
            if not onnx.defs.has(node.op_type, node.domain):
                found.add(node.op_type)
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """tf2onnx logs every step of its optimizer."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # Operators it does not know are an error of ours.
    try:
        yield
    finally:
        logger.setLevel(level)


def _load(path: pathlib.Path) -> Loaded:
    """An ONNX file under ONNX Runtime."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_outputs()]

    def run(batch: "np.ndarray") -> dict[str, Any]:
        return dict(zip(names, session.run(names, {"image": batch}), strict=True))

    ops = {node.op_type for node in onnx.load(path).graph.node}
    shape = tuple(side if isinstance(side, int) else None for side in session.get_inputs()[0].shape)
    return Loaded(run=run, input_shape=shape, ops=tuple(sorted(ops)))


ONNX = Format(
    name="onnx",
    title="ONNX",
    requires=(("tf2onnx", "onnx"), ("onnxruntime", "onnx")),
    runtime=(("onnx", "onnx"), ("onnxruntime", "onnx")),
    write=_write,
    load=_load,
)
