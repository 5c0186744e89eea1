"""keras-seg train --hosts: this command as one of several processes that train one model.

JAX ends a process that loses the others by a signal, after many lines of its own. So the command runs itself again, in
a process whose end it can explain in one line.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from keras_seg_cli import console
from keras_seg_cli.interruption import Stopped, Terminated

if TYPE_CHECKING:
    from keras_seg.training.hosts.processes import Processes

# Of the process that trains: where its libraries write to, and the pipe that closes when the process above it ends.
_MESSAGES, _LIFELINE = "KERAS_SEG_MESSAGES", "KERAS_SEG_LIFELINE"

# Seconds that a process gets to end by itself when it is asked to.
_PATIENCE = 5

_OPTIONS = (
    click.option(
        "--hosts",
        type=click.IntRange(1),
        help="Train in this many processes, one per machine, on JAX. Start the same command on each; Slurm and "
        "Kubernetes say which is which.",
    ),
    click.option("--process", type=click.IntRange(0), help="With --hosts: the number of this process, from 0 on."),
    click.option("--coordinator", metavar="HOST:PORT", help="With --hosts: where process 0 is reached."),
    click.option(
        "--connect-timeout",
        type=click.IntRange(1),
        help="With --hosts: seconds to wait for the other processes. Default: 300.",
    ),
)


class Hosts(NamedTuple):
    """The options about several processes."""

    hosts: int | None
    process: int | None
    coordinator: str | None
    connect_timeout: int | None

    def words(self) -> list[str]:
        """The options as they were given."""
        given = zip(self._fields, self, strict=True)
        return [word for name, value in given if value is not None for word in (_option(name), str(value))]


def hosts_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_hosts(given: Hosts, *, folds: int | None, probe: bool | None) -> None:
    """Fail if options do not go together."""
    if given.hosts is None:
        alone = [_option(name) for name, value in zip(given._fields, given, strict=True) if value is not None]
        if alone:
            raise click.UsageError(f"{alone[0]} applies to --hosts only. Give --hosts, or drop {alone[0]}.")
    elif folds is not None:
        raise click.UsageError("--folds are trained one after the other in one process. Drop --folds or --hosts.")
    elif probe:
        raise click.UsageError(
            "--probe measures each machine by itself. Run keras-seg plan --probe first, and give its file as --plan."
        )
    elif os.environ.setdefault("KERAS_BACKEND", "jax") != "jax":
        backend = os.environ["KERAS_BACKEND"]
        raise click.UsageError(f"--hosts needs the backend jax, and KERAS_BACKEND is {backend}. Set KERAS_BACKEND=jax.")


def is_worker() -> bool:
    """Whether this is the process that trains."""
    return _MESSAGES in os.environ


def run_again() -> None:
    """Run this command in a process of its own, and exit with its status, or explain the signal that ended it."""
    if not click.get_current_context().obj:
        raise click.UsageError("--hosts is an option of the program keras-seg, which a script must start as one.")
    alive, held = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        messages = pathlib.Path(folder) / "messages"
        messages.touch()
        environment = {**os.environ, _MESSAGES: str(messages), _LIFELINE: str(alive)}
        command = [sys.executable, "-m", "keras_seg_cli", *sys.argv[1:]]
        process = subprocess.Popen(command, env=environment, pass_fds=[alive])
        os.close(alive)
        try:
            status = _waited(process)
        finally:
            os.close(held)
        if status < 0:
            raise click.ClickException(_explained(-status, messages.read_text(errors="replace")))
    click.get_current_context().exit(status)


def connected(given: Hosts) -> "Processes":
    """Connect this process with the others; only the first one prints from now on."""
    from keras_seg.training.hosts.connect import connect
    from keras_seg.training.hosts.processes import Processes

    assert given.hosts is not None
    processes = Processes.find(
        given.hosts, process=given.process, coordinator=given.coordinator, environment=os.environ
    )
    console.console.print(str(processes), soft_wrap=True)
    connect(processes, seconds=given.connect_timeout or 300)
    console.console.quiet = processes.process > 0
    return processes


def become_worker() -> None:
    """Keep what libraries write from the terminal, and end with the process that started this one."""
    messages = os.open(os.environ[_MESSAGES], os.O_WRONLY | os.O_APPEND)
    # Native code writes to these numbers, and Python to copies of what they were.
    for number, name in ((1, "stdout"), (2, "stderr")):
        getattr(sys, name).flush()
        copy = os.fdopen(os.dup(number), "w", buffering=1, encoding=getattr(sys, name).encoding)
        os.dup2(messages, number)
        setattr(sys, name, copy)
    os.close(messages)
    alive = int(os.environ[_LIFELINE])

    def watch() -> None:
        os.read(alive, 1)  # Returns when the other end is closed.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def leave(status: int) -> None:
    """End a worker that failed at once: JAX would wait for the other processes, which wait for this one."""
    if is_worker() and status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _waited(process: "subprocess.Popen[bytes]") -> int:
    """The status of a process. Ctrl+C reaches it by itself, and SIGTERM is passed on: it says what is kept.

    While it waits for the other processes, in JAX, it may hear neither, and is killed.
    """
    asked: list[tuple[int, float]] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append((number, time.monotonic()))
        if number == signal.SIGTERM:
            process.terminate()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(0.5)
                break
            if asked and time.monotonic() - asked[0][1] > _PATIENCE:
                process.kill()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked and status < 0:
        cause = Terminated() if asked[0][0] == signal.SIGTERM else KeyboardInterrupt()
        raise Stopped(cause, "The last checkpoint is kept. Continue in all processes with --resume.")
    return status


def _explained(number: int, messages: str) -> str:
    """Why a process was ended by a signal, from what its libraries wrote."""
    if "RegisterTask" in messages:
        return "Not all processes came in time. Start --hosts processes with one --coordinator, which all can reach."
    if "distributed service" in messages or "oordination" in messages:
        return (
            "The connection to the other processes broke: one of them ended, or the network between them failed. "
            "Continue in all of them with --resume."
        )
    name = signal.Signals(number).name
    reason = ": out of memory, perhaps" if number == signal.SIGKILL else ""
    return f"The process that trains was ended by {name}{reason}. Continue in all processes with --resume."
