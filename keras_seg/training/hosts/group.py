"""The processes and devices that train one model, as seen from one of the processes."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any, Self, cast

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Group:
    """One process alone with one device, or one of several, or one with several devices.

    All processes must call the methods that communicate, in the same order: `agreed`, `gathered`, and `leave`.

    Args:
        process: int. This process, counted from 0. Defaults to 0.
        count: int. Number of processes. Defaults to 1.
        devices: int. Devices of all processes over which a batch is divided. Defaults to 1.
    """

    process: int = 0
    count: int = 1
    devices: int = 1
    # A copy is compiled once, and gets the weights of its model each time.
    _copies: dict[int, tuple[keras.Model, keras.Model]] = dataclasses.field(default_factory=dict, repr=False)

    @classmethod
    def current(cls) -> Self:
        """The group in which models are trained now, by `keras.distribution`."""
        distribution = keras.distribution.distribution()
        if distribution is None:
            return cls()
        devices = int(np.prod(distribution.device_mesh.shape))
        if keras.backend.backend() != "jax":
            return cls(devices=devices)
        import jax

        return cls(jax.process_index(), jax.process_count(), devices)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.process == 0

    def gathered(self, values: np.ndarray) -> list[np.ndarray]:
        """The arrays of all processes, which have one shape and dtype, in their order."""
        if self.count == 1:
            return [values]
        from jax.experimental import multihost_utils

        # As bytes: JAX would make integers of 64 bits ones of 32.
        of_all = np.asarray(multihost_utils.process_allgather(np.frombuffer(values.tobytes(), "uint8")))
        return [np.frombuffer(row.tobytes(), values.dtype).reshape(values.shape) for row in of_all]

    def agreed(self, value: float) -> float:
        """The value of the first process."""
        return float(self.gathered(np.array(value, "float64"))[0])

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """A block in which this process works with its own first device only, as the others do not wait for it."""
        distribution = keras.distribution.distribution()
        # Keras creates variables even to save a model; with a distribution, all processes would have to.
        cast(Any, keras.distribution.set_distribution)(None)
        try:
            yield
        finally:
            cast(Any, keras.distribution.set_distribution)(distribution)

    @contextlib.contextmanager
    def local(self, model: keras.Model) -> Iterator[keras.Model]:
        """The model, or a copy of it on this process' first device, to predict with alone in the block."""
        if self.devices == 1:
            yield model
            return
        with self.alone():
            if id(model) not in self._copies:
                self._copies[id(model)] = model, keras.models.clone_model(model)
            _, copy = self._copies[id(model)]
            for own, shared in zip(copy.weights, model.weights, strict=True):
                own.assign(np.asarray(keras.ops.convert_to_numpy(shared)))
            yield copy

    def leave(self) -> None:
        """End the work with the other processes, for good; each goes on alone."""
        if self.count > 1:
            import jax

            jax.distributed.shutdown()
            cast(Any, keras.distribution.set_distribution)(None)
