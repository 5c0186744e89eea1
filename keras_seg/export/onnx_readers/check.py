"""What the readers of ONNX files take of a file."""

import pathlib
from collections.abc import Sequence

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.export.delegates.graph_check import checked
from keras_seg.export.delegates.report import DelegateCheck, DelegateReport
from keras_seg.export.onnx_readers.graph import read_graph
from keras_seg.export.onnx_readers.rules import RULES

READERS = tuple(RULES)


def check_readers(path: PathLike, *, readers: Sequence[str] = READERS) -> DelegateReport:
    """Say what TensorRT 10, OpenCV 4, ONNX Runtime Web and onnx2tf take of an ONNX file, node by node.

    Each refused node is named with the reason and what to change: operators that a reader lacks, and those that it
    computes otherwise, without an error. The rules are written down in the package; none of the programs is run.

    Args:
        path: str or path. The `.onnx` file; of another exporter too.
        readers: sequence of str. Of "tensorrt", "opencv", "webgpu" (ONNX Runtime Web with WebGPU) and "onnx2tf".
            Defaults to all.

    Returns:
        A `DelegateReport` with a `DelegateCheck` per reader.

    Raises:
        InputError: there is no such file, it is no ONNX file, a part of it or the file with its weights is missing,
            or `readers` is not as above.
        ImportError: onnx is not installed.

    Examples:

    ```python
    ks.export.onnx(model, "unet.onnx", input_size=(256, 256), batch_size=1)
    report = ks.export.check_readers("unet.onnx", readers=["tensorrt", "opencv"])
    print(report["opencv"].complete)
    ```
    """
    if isinstance(readers, str) or not readers:
        _validation.fail("readers", 'must be a sequence, such as ["tensorrt"]', readers)
    for reader in readers:
        _validation.one_of("readers", reader, READERS)
    _validation.optional_import("onnx", "onnx", "Reading ONNX files")
    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    return DelegateReport(path=str(path), checks=check_file(path, readers))


def check_file(path: pathlib.Path, readers: Sequence[str] = READERS) -> tuple[DelegateCheck, ...]:
    """What each reader takes of an ONNX file; refused nodes are named as in the file."""
    graph = read_graph(path)
    names = {node.number: node.name or (node.outputs[0].name if node.outputs else "") for node in graph.nodes}
    return tuple(
        checked(graph, reader, {node.number: RULES[reader](node) for node in graph.nodes}, names.__getitem__)
        for reader in dict.fromkeys(readers)
    )
