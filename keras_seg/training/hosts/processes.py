"""Which of the processes of a job this one is, and where they meet: given, or found in the environment."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Self

from keras_seg import _validation
from keras_seg._validation import InputError

# The port of the coordinator where neither the user nor the scheduler names one.
_PORT = 12345
# Ports that no service registers; jobs of Slurm on one machine get different ones.
_FREE_PORTS = range(49152, 65536)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Processes:
    """The place of this process among those that train one model.

    Attributes:
        process: int in 0..count - 1. This process. The first one writes the run folder.
        count: int >= 1. Number of processes.
        coordinator: str. "HOST:PORT" at which the first process is reached.
        source: str. Where this was found, for people: "given", "Slurm", "Kubernetes" or "environment".
        shares_machine: bool. Whether a scheduler started several of them per machine. Defaults to False.
    """

    process: int
    count: int
    coordinator: str
    source: str
    shares_machine: bool = False

    @classmethod
    def find(
        cls,
        count: int,
        *,
        process: int | None = None,
        coordinator: str | None = None,
        environment: Mapping[str, str],
    ) -> Self:
        """The place of this process: given, or from the variables that a scheduler sets for each process.

        - Slurm (`srun`): SLURM_PROCID and SLURM_NTASKS; the coordinator runs on the first node of the job.
        - Kubernetes (an indexed Job): JOB_COMPLETION_INDEX; the coordinator must be given, or in MASTER_ADDR.
        - Others, such as the operators of Kubeflow: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.

        Args:
            count: int >= 1. Number of processes that the user asks for.
            process: int or None. This process, counted from 0. Defaults to None: found.
            coordinator: str or None. "HOST" or "HOST:PORT" of the first process. Defaults to None: found.
            environment: mapping. The variables, such as `os.environ`.

        Raises:
            InputError: something is missing or contradicts the count.
        """
        _validation.integer("hosts", count)
        if process is not None:
            source, found, total, place = "given", process, count, None
        elif "SLURM_PROCID" in environment:
            source, found, total = "Slurm", environment["SLURM_PROCID"], environment.get("SLURM_NTASKS", count)
            place = _slurm_coordinator(environment)
        elif "JOB_COMPLETION_INDEX" in environment:
            source, found, total, place = "Kubernetes", environment["JOB_COMPLETION_INDEX"], count, None
        elif "RANK" in environment:
            source, found, total, place = "environment", environment["RANK"], environment.get("WORLD_SIZE", count), None
        else:
            raise InputError(
                f"`hosts={count}`: no variable of Slurm, Kubernetes or another scheduler says which process this is. "
                "Give `process`, from 0 on, and `coordinator`, the HOST:PORT of process 0."
            )
        total, number = _number("the number of processes", total), _number("the number of this process", found)
        if total != count:
            raise InputError(f"`hosts={count}`: {source} started {total} processes. Give `hosts={total}`.")
        if number >= count:
            fix = f"Processes are numbered 0 to {count - 1}."
            raise InputError(f"`process={number}`: is out of range with `hosts={count}`. {fix}")
        place = coordinator or place or _master(environment)
        if place is None:
            raise InputError(f"`hosts={count}`: give `coordinator`, the HOST:PORT at which process 0 is reached.")
        shared = _shares_machine(environment)
        return cls(process=number, count=count, coordinator=_with_port(place), source=source, shares_machine=shared)

    def __str__(self) -> str:
        where = "" if self.source == "given" else f" ({self.source})"
        return f"Process {self.process} of {self.count}{where}, coordinator {self.coordinator}"


def _number(name: str, value: object) -> int:
    text = str(value)
    if not text.isdecimal():
        raise InputError(f"{name} must be a whole number from 0 on. Got {text!r}.")
    return int(text)


def _shares_machine(environment: Mapping[str, str]) -> bool:
    """Whether Slurm or Open MPI started several processes of the job per machine."""
    # "2(x3),1": two on each of three machines, and one on another. The step may have fewer than its job.
    tasks = environment.get("SLURM_STEP_TASKS_PER_NODE") or environment.get("SLURM_TASKS_PER_NODE") or "1"
    counts = re.sub(r"\(x\d+\)", "", tasks).split(",")
    return {*counts, environment.get("OMPI_COMM_WORLD_LOCAL_SIZE", "1")} != {"1"}


def _master(environment: Mapping[str, str]) -> str | None:
    """The coordinator from the variables of PyTorch's launchers, which other operators set as well."""
    host = environment.get("MASTER_ADDR")
    return None if not host else f"{host}:{environment.get('MASTER_PORT') or _PORT}"


def _slurm_coordinator(environment: Mapping[str, str]) -> str | None:
    """The first node of a Slurm job, and a port by the number of the job."""
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
    if not nodes:
        return None
    job = environment.get("SLURM_JOB_ID", "0")
    port = _FREE_PORTS[int(job) % len(_FREE_PORTS)] if job.isdecimal() else _PORT
    return f"{_first_node(nodes)}:{port}"


def _first_node(nodes: str) -> str:
    """The first node of a list of Slurm: "gpu[07-12,20],cpu1" gives "gpu07"."""
    # The first comma outside of brackets ends the first item.
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", nodes)
    return re.sub(r"\[(\d+)[^\]]*\]", r"\1", first[0] if first else nodes)


def _with_port(coordinator: str) -> str:
    """HOST:PORT of HOST or HOST:PORT."""
    host, colon, port = coordinator.rpartition(":")
    if not colon:
        return f"{coordinator}:{_PORT}"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        _validation.fail("coordinator", "must be HOST or HOST:PORT", coordinator)
    return coordinator
