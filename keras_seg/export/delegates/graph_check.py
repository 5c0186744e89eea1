"""Which nodes of a graph a delegate takes."""

import mmap
import pathlib
import zipfile
from collections.abc import Callable, Mapping

from keras_seg.export.delegates.gpu_rules import RECENT, gpu_refusal
from keras_seg.export.delegates.integer_rules import edge_tpu_refusal, npu_refusal
from keras_seg.export.delegates.partitions import count_partitions
from keras_seg.export.delegates.refusal import Refusal
from keras_seg.export.delegates.report import DelegateCheck, RefusedNode
from keras_seg.export.delegates.tflite_graph import read_graph
from keras_seg.export.file_graph import FileGraph, Node
from keras_seg.export.tflite.layer_names import LayerNames
from keras_seg.export.tflite.metadata import read_description

RULES: dict[str, Callable[[Node], Refusal | None]] = {
    "gpu": gpu_refusal,
    "npu": npu_refusal,
    "edgetpu": edge_tpu_refusal,
}
DELEGATES = tuple(RULES)


def check_file(path: pathlib.Path) -> tuple[DelegateCheck, ...]:
    """What phone GPUs, and NPUs where a file is quantized, take of a file that `export.tflite` wrote."""
    with path.open("rb") as file:
        # Not read as a whole: the weights, which are most of it, are not looked at.
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    graph, (name, _) = read_graph(content, str(path)), names_in(path)
    return tuple(check_graph(graph, delegate, name) for delegate in (("gpu", "npu") if graph.quantized else ("gpu",)))


def check_graph(graph: FileGraph, delegate: str, name: Callable[[str], str]) -> DelegateCheck:
    """What a delegate takes of a graph; `name` gives the layer of a tensor."""
    refusals = {node.number: RULES[delegate](node) for node in graph.nodes}
    batch = next((tensor.shape[0] for tensor in graph.inputs if len(tensor.shape) == 4), 1)
    if batch > 1:
        several = Refusal(reason=f"batches of {batch}", fix="Export with batch_size=1.")
        refusals = dict.fromkeys(refusals, several)
    return checked(graph, delegate, refusals, lambda number: _layer(graph.nodes[number], name))


def _layer(node: Node, name: Callable[[str], str]) -> str:
    return name(node.outputs[0].name) if node.outputs else ""


def checked(
    graph: FileGraph, delegate: str, refusals: Mapping[int, Refusal | None], name: Callable[[int], str]
) -> DelegateCheck:
    """The `DelegateCheck` of a graph.

    Args:
        graph: `FileGraph`.
        delegate: str. The name of the delegate or reader.
        refusals: dict by number of the node, None where it is taken.
        name: function of the number of a node that gives its name in the report.
    """
    refused = []
    for node in graph.nodes:
        if refusal := refusals[node.number]:
            refused.append(
                RefusedNode(
                    number=node.number,
                    op=node.op,
                    layer=name(node.number),
                    reason=refusal.reason,
                    fix=refusal.fix,
                )
            )
    numbers = {node.number for node in refused}
    recent = {node.op for node in graph.nodes if node.number not in numbers} & RECENT if delegate == "gpu" else ()
    return DelegateCheck(
        delegate=delegate,
        nodes=len(graph.nodes),
        accepted=len(graph.nodes) - len(refused),
        partitions=count_partitions(graph, numbers),
        refused=tuple(refused),
        recent=tuple(sorted(recent)),
    )


def names_in(path: pathlib.Path) -> tuple[Callable[[str], str], bool]:
    """(what gives the layer of a tensor by its name, whether the file is described as `export.tflite` does).

    Tensors of other files, whose layers are not known, stand for themselves.
    """
    try:
        names = LayerNames(**read_description(path)["graph"])
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError):
        return _first, False
    return lambda tensor: next(iter(names.of(tensor)), _first(tensor)), True


def _first(tensor: str) -> str:
    """The first of the operations that were joined into one tensor."""
    return tensor.split(";")[0]
