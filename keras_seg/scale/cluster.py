"""The Ray cluster that a job runs on, started here or connected to."""

import contextlib
import logging
import os
import re
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from keras_seg._validation import InputError, fail, first_line, integer, optional_import

# On processors, a worker that computes with several cores needs less memory than as many workers.
_CORES_PER_WORKER = 4
# Seconds to wait for the head of a cluster.
_PATIENCE = 10
# What decides how a backend computes: workers must compute as this process does.
_SAME_ENVIRONMENT = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS")


class Workers(NamedTuple):
    """How many workers there are, and what each of them has.

    Attributes:
        count: int. Workers.
        cpus: float. Processor cores per worker.
        gpus: int. GPUs per worker, 0 or 1.
    """

    count: int
    cpus: float
    gpus: int

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of each worker."""
        threads = str(max(1, int(self.cpus)))
        kept = {name: os.environ[name] for name in _SAME_ENVIRONMENT if name in os.environ}
        return {"KERAS_BACKEND": keras.backend.backend(), "TF_NUM_INTRAOP_THREADS": threads, **kept}


def check_installed() -> None:
    """Fail before anything is read if Ray is missing.

    Raises:
        ImportError: it is: `pip install "keras-seg[scale]"`.
    """
    optional_import("ray.data", "scale", "Work by many processes")


@contextlib.contextmanager
def started(workers: int | None, ray_address: str | None) -> Iterator[Workers]:
    """A cluster with room for workers: one that runs already, or one on this machine that ends with the block.

    Args:
        workers: int >= 1; None for one per GPU, or one per four cores without a GPU.
        ray_address: str. Address of a cluster, such as "auto" or "ray://head:10001"; None to start one here.

    Raises:
        InputError: there is no such cluster, or it has fewer GPUs than `workers`.
        ImportError: Ray is missing: `pip install "keras-seg[scale]"`.
    """
    if workers is not None:
        workers = integer("workers", workers)
    # Its native code tells of every worker that is started again, and of settings that later versions will change.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray: Any = optional_import("ray", "scale", "Work by many processes")
    running = ray.is_initialized()
    if not running:
        _connect(ray, ray_address)
    try:
        yield _room(ray.cluster_resources(), workers)
    finally:
        if not running:
            ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    if address is not None:
        _check_listening(address)
    here = {} if address is not None else {"include_dashboard": False}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **here,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        if address is None:
            raise InputError(
                f"Ray could not be started here ({first_line(error)}). Free some memory, or restart."
            ) from error
        fail(
            "ray_address",
            f"must be that of a running cluster ({first_line(error)})",
            address,
            "Check it by `ray status`.",
        )


def _check_listening(address: str) -> None:
    """Fail where nothing listens: Ray itself would try for minutes."""
    found = re.fullmatch(r"(?:ray://)?([^/:]+):(\d+)", address)
    if found is None:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        fail("ray_address", f"must be that of a running cluster ({error})", address, "Check it by `ray status`.")


def _room(resources: dict[str, float], workers: int | None) -> Workers:
    """The workers that a cluster with these resources has room for."""
    cpus, gpus = resources.get("CPU", 1.0), int(resources.get("GPU", 0))
    if workers is None:
        workers = gpus or max(1, int(cpus) // _CORES_PER_WORKER)
    if gpus and workers > gpus:
        fail("workers", f"must be at most {gpus}, the GPUs of the cluster", workers)
    share = cpus / workers
    # Ray counts whole cores, or parts of one.
    return Workers(workers, float(int(share)) if share >= 1 else int(share * 100) / 100, 1 if gpus else 0)
