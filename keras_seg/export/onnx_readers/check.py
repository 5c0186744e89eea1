"""What the readers of ONNX files take of a file."""

import pathlib

from keras_seg.export.delegates.graph_check import checked
from keras_seg.export.delegates.report import DelegateCheck
from keras_seg.export.onnx_readers.graph import read_graph
from keras_seg.export.onnx_readers.rules import RULES


def check_file(path: pathlib.Path) -> tuple[DelegateCheck, ...]:
    """What each reader takes of an ONNX file; refused nodes are named as in the file."""
    graph = read_graph(path)
    names = {node.number: node.name or (node.outputs[0].name if node.outputs else "") for node in graph.nodes}
    return tuple(
        checked(graph, reader, {node.number: refusal(node) for node in graph.nodes}, names.__getitem__)
        for reader, refusal in RULES.items()
    )
