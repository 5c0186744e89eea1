"""The operators of an exported file, TFLite or ONNX, with the tensors they read and write."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor of a file.

    Attributes:
        index: int. Its place in the file.
        name: str.
        shape: tuple of int. -1 for a size that is known only at run time; (-1,) where nothing is known.
        dtype: str. Such as "FLOAT32" in TFLite, "FLOAT" in ONNX.
        constant: bool. Whether its values are in the file.
        quantized: bool. Whether its integers stand for real numbers. Defaults to False.
        numbers: tuple of numbers. The values of a small constant, in TFLite of int32 only; empty for other tensors.
        whole: bool. Whether all its values are known to be whole numbers; looked for in ONNX only. Defaults to False.
        source: str. In TFLite the operator that gives it; "" for constants and what the file is given.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: bool
    quantized: bool = False
    numbers: tuple[float, ...] = ()
    whole: bool = False
    source: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """An operator of a file.

    Attributes:
        number: int. Its place in the order of computation.
        op: str. Such as "CONV_2D" in TFLite, "Conv" in ONNX; the name of a custom operator.
        custom: bool. Whether it is none of the built-in operators.
        inputs: tuple of `Tensor`. Inputs that are left out are excluded in TFLite, and None in ONNX, which counts them.
        outputs: tuple of `Tensor`.
        options: the options of the operator: as TFLite's schema holds them, or None; a dict of attributes in ONNX.
        name: str. That of the node, "" in TFLite.
        version: int. In TFLite that of the operator, by which a delegate knows whether it is newer than itself.
    """

    number: int
    op: str
    custom: bool
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: Any
    name: str = ""
    version: int = 1

    @property
    def at_run_time(self) -> tuple[Tensor, ...]:
        """The tensors that are computed or given at run time."""
        return tuple(tensor for tensor in (*self.inputs, *self.outputs) if not tensor.constant)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileGraph:
    """What a file computes.

    Attributes:
        nodes: tuple of `Node`, in the order of computation.
        inputs: tuple of `Tensor`.
        outputs: tuple of `Tensor`.
        subgraphs: int. More than 1 in files with loops or branches.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    subgraphs: int

    @property
    def quantized(self) -> bool:
        """Whether some node computes in integers that stand for real numbers."""
        return any(tensor.quantized for node in self.nodes for tensor in node.outputs)
