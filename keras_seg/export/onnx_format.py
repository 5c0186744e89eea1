"""ONNX files: how they are written and run."""

import contextlib
import logging
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keras_seg._validation import InputError
from keras_seg.export.format import THREADS, Format, Loaded
from keras_seg.export.onnx_graph import to_onnx
from keras_seg.export.onnx_proto import describe_within, read_description, read_proto, write_proto
from keras_seg.export.onnx_readers.check import check_file
from keras_seg.export.onnx_readers.operators import NEWEST_OPSET
from keras_seg.export.request import Request
from keras_seg.export.unsupported import cannot_hold, unsupported

if TYPE_CHECKING:
    import numpy as np
    import onnx


def _write(module: Any, path: pathlib.Path, request: Request) -> None:
    """Write a `traced_module` to an ONNX file."""
    try:
        with _quiet():
            proto, constants = to_onnx(module, NEWEST_OPSET)
    except (InputError, ImportError):
        raise
    except Exception as error:  # Whatever tf2onnx meets in a graph that it was not made for.
        raise cannot_hold("ONNX", error) from error
    if foreign := _foreign(proto):
        raise unsupported("ONNX", foreign, request)
    describe_within(proto, request.description)
    write_proto(proto, path, constants)


def _foreign(proto: "onnx.ModelProto") -> set[str]:
    """The operators of a model that ONNX does not define: tf2onnx leaves TensorFlow's where it knows no other."""
    import onnx  # Comes with tf2onnx.

    ahead, found = [proto.graph], set()
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
    import onnxruntime

    # Only this is kept of what was read: the weights may take a gigabyte.
    ops = {node.op_type for node in read_proto(path).graph.node}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_outputs()]

    def run(batch: "np.ndarray") -> dict[str, Any]:
        return dict(zip(names, session.run(names, {"image": batch}), strict=True))

    shape = tuple(side if isinstance(side, int) else None for side in session.get_inputs()[0].shape)
    return Loaded(run=run, input_shape=shape, ops=tuple(sorted(ops)))


ONNX = Format(
    name="onnx",
    title="ONNX",
    requires=(("tf2onnx", "onnx"), ("onnxruntime", "onnx")),
    runtime=(("onnx", "onnx"), ("onnxruntime", "onnx")),
    write=_write,
    load=_load,
    delegates=check_file,
    for_gpu=True,
    inside=read_description,
)
