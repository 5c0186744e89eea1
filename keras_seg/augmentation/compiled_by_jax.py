"""Functions of arrays that JAX compiles for the CPU, whatever the device that trains."""

from collections.abc import Callable
from typing import Any

import numpy as np


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
