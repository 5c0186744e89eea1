"""Looking into a TFLite file while it runs."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Produced:
    """A tensor that an operator of a file computes.

    Attributes:
        name: str.
        index: int, where the interpreter keeps it.
        op: str, such as "CONV_2D".
        dtype: NumPy's.
        scale: float, what one step of an integer stands for; 0.0 where integers and floats are themselves.
        zero_point: int.
    """

    name: str
    index: int
    op: str
    dtype: np.dtype
    scale: float
    zero_point: int

    def real(self, values):
        """Values of the tensor as what they stand for."""
        return values if not self.scale else (values.astype("float64") - self.zero_point) * self.scale

    @property
    def range(self):
        """(lowest, highest) that the tensor can stand for; None for floats and plain integers."""
        if not self.scale:
            return None
        info = np.iinfo(self.dtype)
        return tuple(float(self.real(np.array(end))) for end in (info.min, info.max))


def runtime():
    """(Interpreter, OpResolverType) of LiteRT where it is installed, and of TensorFlow otherwise."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        from tensorflow import lite  # Its attributes are lazy and cannot be imported by name.

        return lite.Interpreter, lite.experimental.OpResolverType
    return Interpreter, OpResolverType


def interpreter(content):
    """An interpreter that keeps what every operator computes, with the plain kernels, which nothing is fused in."""
    make, resolvers = runtime()
    made = make(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    made.allocate_tensors()
    return made


def produced(content):
    """What the operators of a file compute, `Produced` in the order of computation."""
    return produced_by(interpreter(content))


def produced_by(made):
    """The same, of an `interpreter`."""
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
