"""The order of the operators in a file that the int8 quantizer reads."""

from typing import Any

import numpy as np

_OPERATORS = 10  # Where the table of a subgraph says at which place its operators are.


def with_padding_first(calibrated: bytes) -> bytes:
    """A calibrated float32 file in which each PAD follows the operator whose result it pads.

    The quantizer leaves a PAD, and the convolution that reads it, in float32 where a CONCATENATION of the same map
    comes first, as in UNetPlusPlus.

    Args:
        calibrated: bytes.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    content = bytearray(calibrated)
    model: Any = schema.Model.GetRootAsModel(content, 0)
    codes = [model.OperatorCodes(place).BuiltinCode() for place in range(model.OperatorCodesLength())]
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        operators = [graph.Operators(place) for place in range(graph.OperatorsLength())]
        makers = {int(made): place for place, one in enumerate(operators) for made in one.OutputsAsNumpy()}
        padding = [
            codes[one.OpcodeIndex()] == schema.BuiltinOperator.PAD and int(one.Inputs(1)) not in makers
            for one in operators
        ]
        # (the operator that is followed, whether it follows, its own place)
        keys = [
            (makers.get(int(one.Inputs(0)), -1), 1, place) if pads else (place, 0, place)
            for place, (one, pads) in enumerate(zip(operators, padding, strict=True))
        ]
        order = sorted(range(len(operators)), key=keys.__getitem__)
        start = graph._tab.Vector(graph._tab.Offset(_OPERATORS))
        # Each number is how far behind itself the operator lies.
        offsets = np.frombuffer(content, "<u4", len(operators), start)
        places = start + 4 * np.arange(len(operators))
        offsets[:] = (places + offsets)[order] - places
    return bytes(content)
