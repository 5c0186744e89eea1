"""How many parts of a graph a delegate gets."""

from collections.abc import Collection

from keras_seg.export.file_graph import FileGraph


def count_partitions(graph: FileGraph, refused: Collection[int]) -> int:
    """The number of parts that TFLite hands to a delegate that refuses the nodes numbered `refused`.

    TFLite takes as many nodes of one kind, accepted or refused, as can be computed, then as many of the other kind,
    and so on. Each change moves the maps between the processors.

    Reference: TensorFlow, tensorflow/lite/graph_info.cc.
    """
    waiting = list(graph.nodes)
    produced = {tensor.index for node in waiting for tensor in node.outputs}
    ready: set[int] = set()
    parts = 0
    while waiting:
        kind, more = None, True
        while more:
            more, kept = False, []
            for node in waiting:
                refuses = node.number in refused
                can = all(tensor.index in ready or tensor.index not in produced for tensor in node.inputs)
                if can and kind in (None, refuses):
                    kind, more = refuses, True
                    ready.update(tensor.index for tensor in node.outputs)
                else:
                    kept.append(node)
            waiting = kept
        if kind is None:
            break  # A file whose nodes wait for one another.
        parts += not kind
    return parts
