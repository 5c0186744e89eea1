"""Connecting the processes of a job by JAX."""

import inspect
import socket
from typing import Any

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.training.hosts.processes import Processes

# A process that is not heard of for this long is taken for dead, and ends the others.
HEARTBEAT_SECONDS = 20
# What JAX' libraries write where a process or the network is gone.
_BROKEN = ("Gloo ", "NCCL", "coordination service", "CoordinationService", "Connection reset", "Connection closed")


def connect(processes: Processes, *, seconds: float = 300) -> None:
    """Connect this process with the others, and divide every batch among all their devices from now on.

    A process that is alone on its machine uses all devices there. Where Slurm or Open MPI started several per machine,
    each uses one.

    Must be called before JAX is used. JAX itself ends the process, by the signal SIGABRT, if the others do not come in
    time, and later if one is not heard of for `HEARTBEAT_SECONDS`.

    Args:
        processes: `Processes`.
        seconds: float. How long to wait for all processes. Defaults to 300.

    Raises:
        InputError: the backend is not JAX, or the coordinator's address cannot be used.
    """
    import keras

    if keras.backend.backend() != "jax":
        raise InputError(
            f"Several processes train together on JAX only, and the backend is {keras.backend.backend()}. Set "
            "KERAS_BACKEND=jax."
        )
    import jax

    _check_address(processes)
    if hasattr(jax.config, "jax_enable_preemption_service"):
        # It would take SIGTERM, on which a run says what is kept of it.
        jax.config.update("jax_enable_preemption_service", False)
    options: dict[str, Any] = {
        "initialization_timeout": max(1, round(seconds)),
        "heartbeat_timeout_seconds": HEARTBEAT_SECONDS,
        "shutdown_timeout_seconds": HEARTBEAT_SECONDS,
    }
    if not processes.shares_machine:
        # Under Slurm and Open MPI, JAX would show even a process that is alone on its machine one device.
        options["cluster_detection_method"] = "deactivate"
    known = inspect.signature(jax.distributed.initialize).parameters  # Older versions lack some.
    jax.distributed.initialize(
        processes.coordinator,
        processes.count,
        processes.process,
        **{name: value for name, value in options.items() if name in known},
    )
    # Each process reads its own share, so Keras has none to choose.
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def is_broken_connection(error: BaseException) -> bool:
    """Whether an error says that another process, or the network between them, is gone."""
    return any(sign in str(error) for sign in _BROKEN)


def broken_connection() -> InputError:
    """The error of a run whose other processes cannot be reached."""
    return InputError(
        "The connection to the other processes broke: one of them ended, or the network between them failed. The "
        "output of the process that ended first says why."
    )


def _check_address(processes: Processes) -> None:
    """Fail in one line where JAX would crash."""
    host, _, port = processes.coordinator.rpartition(":")
    try:
        socket.getaddrinfo(host, int(port))
    except OSError as error:
        reason = f"cannot be resolved here ({error.strerror or error})"
        _validation.fail("coordinator", reason, processes.coordinator, "Give the name or address of process 0.")
    if processes.process > 0:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", int(port)))
        except OSError as error:
            reason = f"has a port that cannot be opened here ({error.strerror})"
            fix = "Choose another port, the same in all processes."
            _validation.fail("coordinator", reason, processes.coordinator, fix)
