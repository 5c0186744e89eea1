"""Which nodes of a graph a delegate takes."""

from collections.abc import Callable, Sequence

from keras_seg.export.delegates.gpu_rules import RECENT, gpu_refusal
from keras_seg.export.delegates.integer_rules import edge_tpu_refusal, npu_refusal
from keras_seg.export.delegates.partitions import count_partitions
from keras_seg.export.delegates.refusal import Refusal
from keras_seg.export.delegates.report import DelegateCheck, RefusedNode
from keras_seg.export.delegates.tflite_graph import Node, TFLiteGraph, read_graph
from keras_seg.export.tflite.layer_names import LayerNames

RULES: dict[str, Callable[[Node], Refusal | None]] = {
    "gpu": gpu_refusal,
    "npu": npu_refusal,
    "edgetpu": edge_tpu_refusal,
}
DELEGATES = tuple(RULES)


def check_content(content: bytes, delegates: Sequence[str], names: LayerNames) -> tuple[DelegateCheck, ...]:
    """The checks of a file that was just converted, without running it."""
    graph = read_graph(content, "the file")
    return tuple(check_graph(graph, delegate, layer_of(names)) for delegate in delegates)


def check_graph(graph: TFLiteGraph, delegate: str, name: Callable[[str], str]) -> DelegateCheck:
    """What a delegate takes of a graph; `name` gives the layer of a tensor."""
    refusals = {node.number: RULES[delegate](node) for node in graph.nodes}
    batch = next((tensor.shape[0] for tensor in graph.inputs if len(tensor.shape) == 4), 1)
    if batch > 1:
        several = Refusal(reason=f"batches of {batch}", fix="Export with batch_size=1.")
        refusals = {number: refusal or several for number, refusal in refusals.items()}
    refused = []
    for node in graph.nodes:
        if refusal := refusals[node.number]:
            layer = name(node.outputs[0].name) if node.outputs else ""
            refused.append(
                RefusedNode(number=node.number, op=node.op, layer=layer, reason=refusal.reason, fix=refusal.fix)
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


def layer_of(names: LayerNames) -> Callable[[str], str]:
    """Gives the layer of a tensor by its name, or the name where it is of none."""
    return lambda tensor: next(iter(names.of(tensor)), tensor)
