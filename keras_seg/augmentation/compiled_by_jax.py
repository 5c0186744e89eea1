"""Functions of arrays that JAX compiles for the CPU, whatever the device that trains."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_seg._types import Tensor
from keras_seg.augmentation.keras_ops import KerasOps


class JaxOps(KerasOps):
    """`keras.ops` inside of a function that JAX compiles."""

    def take(self, x: Tensor, indices: Tensor, axis: int) -> Tensor:
        """Elements at positions that all exist: `keras.ops` reads NaN at others, which takes longer than reading."""
        return x.at[(slice(None),) * axis + (indices,)].get(mode="promise_in_bounds")

    def compiles(self, tensors: tuple[Tensor, ...]) -> bool:
        """See `Namespace`."""
        return True

    def compiled(self, stage: Callable[[], Any]) -> Any:
        """The result of a stage, which is not merged with those that read it."""
        import jax

        return jax.lax.optimization_barrier(stage())


def compiled_on_cpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy arrays to NumPy arrays that computes `function` in one compiled program per set of shapes.

    Args:
        function: of arrays of JAX to a tuple of them.
    """
    import jax

    # Its own, where several processes train together.
    device = jax.local_devices(backend="cpu")[0]
    program = jax.jit(function)

    def on_cpu(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        with jax.default_device(device):
            return tuple(np.asarray(result) for result in program(*arrays))

    return on_cpu
