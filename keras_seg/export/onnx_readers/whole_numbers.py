"""Which nodes of an ONNX file give whole numbers."""

from collections.abc import Sequence

from keras_seg.export.file_graph import Tensor

_ALWAYS = {"ArgMax", "ArgMin", "Ceil", "Floor", "Round", "Shape", "Sign", "Size"}
# Whole numbers of whole numbers.
_NAMES = """
Abs Add Concat DepthToSpace Expand Flatten Gather GatherElements Identity Max Min Mul Neg Pad Range ReduceMax ReduceMin
ReduceProd ReduceSum Relu Reshape Slice SpaceToDepth Split Squeeze Sub Sum Tile Transpose Unsqueeze Where
"""
_KEEPING = frozenset(_NAMES.split())
_INTEGERS = {"BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"}


def gives_whole_numbers(op: str, inputs: Sequence[Tensor]) -> bool:
    """Whether a node surely gives whole numbers.

    Args:
        op: str. Such as "Floor".
        inputs: its tensors, with `whole` as found so far.
    """
    if op in _ALWAYS:
        return True
    whole = [tensor.whole or tensor.dtype in _INTEGERS for tensor in inputs if tensor.name]
    if op == "Cast":
        return all(whole)
    return op in _KEEPING and bool(whole) and all(whole)
