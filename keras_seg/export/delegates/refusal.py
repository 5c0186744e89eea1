"""Why a delegate refuses a node, and what holds for all delegates."""

from typing import NamedTuple

from keras_seg.export.file_graph import Node

MAXIMUM_RANK = 4


class Refusal(NamedTuple):
    """Why a node is refused.

    Attributes:
        reason: str.
        fix: str. What to change in the model or in the export, a sentence.
    """

    reason: str
    fix: str


UNKNOWN_SIZE = Refusal(reason="a size known only at run time", fix="Export with a fixed input_size and batch_size.")


def general_refusal(node: Node) -> Refusal | None:
    """Why every delegate refuses a node; None where it depends on the delegate."""
    for tensor in node.at_run_time:
        if any(side < 0 for side in tensor.shape):
            return UNKNOWN_SIZE
    for tensor in node.at_run_time:
        if len(tensor.shape) > MAXIMUM_RANK:
            reason = f"a tensor of {len(tensor.shape)} axes"
            return Refusal(reason=reason, fix=f"Reshape to {MAXIMUM_RANK} axes at most.")
    return None
