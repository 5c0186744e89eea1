"""The intermediate results of a TFLite file."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Produced:
    """A tensor that an operator of a file computes.

    Attributes:
        name: str.
        index: int. Its place in the interpreter.
        op: str. Such as "CONV_2D".
        dtype: numpy.dtype.
        scale: float. The difference between two neighboring integers; 0.0 for values that are not quantized.
        zero_point: int.
    """

    name: str
    index: int
    op: str
    dtype: np.dtype
    scale: float
    zero_point: int

    def real(self, values: np.ndarray) -> np.ndarray:
        """Values of the tensor as the real numbers they stand for."""
        return values if not self.scale else (values.astype("float64") - self.zero_point) * self.scale

    @property
    def value_range(self) -> tuple[float, float] | None:
        """(lowest, highest) real number of the tensor; None for floats and plain integers."""
        if not self.scale:
            return None
        info = np.iinfo(self.dtype)
        low, high = (float(self.real(np.array(end))) for end in (info.min, info.max))
        return low, high


def runtime() -> tuple[Any, Any]:
    """(Interpreter, OpResolverType) of LiteRT where it is installed, and of TensorFlow otherwise."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        from tensorflow import lite  # Its attributes are lazy and cannot be imported by name.

        return lite.Interpreter, lite.experimental.OpResolverType
    return Interpreter, OpResolverType


def interpreter(content: bytes) -> Any:
    """An interpreter that keeps the result of every operator, with the plain kernels, which fuse nothing."""
    make, resolvers = runtime()
    made = make(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    made.allocate_tensors()
    return made


def produced(content: bytes) -> list[Produced]:
    """The tensors that the operators of a file compute, in the order of computation."""
    return produced_by(interpreter(content))


def produced_by(made: Any) -> list[Produced]:
    """The same, from an `interpreter`."""
    tensors = {tensor["index"]: tensor for tensor in made.get_tensor_details()}
    found = []
    for op in made._get_ops_details():
        for index in op["outputs"]:
            tensor = tensors[index]
            scale, zero_point = tensor["quantization"]
            dtype = np.dtype(tensor["dtype"])
            found.append(
                Produced(
                    name=tensor["name"],
                    index=index,
                    op=op["op_name"],
                    dtype=dtype,
                    scale=float(scale),
                    zero_point=int(zero_point),
                )
            )
    return found
