"""`keras-seg train --hosts` in several processes of this machine."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[3]
# The least training that has several epochs.
TRAIN = ("--batch-size", 4, "--crop", "32x32", "--decoder-stride", 8, "--backbone", "Compact", "--weights", "none")


def environment(**changes):
    """The variables of a process: JAX on the CPU, compiled in little time."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "KERAS_SEG_"))},
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "JAX_PLATFORMS": "cpu",
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "COLUMNS": "200",
        **changes,
    }


def free_port():
    """A port that nothing uses now."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


class Job:
    """The processes of one training, with their outputs in files.

    Args:
        folder: where the outputs go.
        data: folder, or one for each process.
        out: run folder.
        count: number of processes.
        options: words for all processes.
        own: words for some of the processes, by number.
        absent: processes that are not started.
        coordinator: HOST:PORT, or None for a free port of this machine.
        within: words before the command of some of the processes, by number.
    """

    def __init__(self, folder, data, out, *options, count=2, own=None, absent=(), coordinator=None, within=None):
        coordinator = coordinator or f"localhost:{free_port()}"
        places = data if isinstance(data, list) else [data] * count
        self.logs, self.processes = [], []
        for number in range(count):
            if number in absent:
                continue
            words = [
                *("train", places[number], "--out", out, "--hosts", count, "--process", number),
                *("--coordinator", coordinator, *options, *(own or {}).get(number, ())),
            ]
            log = folder / f"process_{number}.txt"
            with log.open("wb") as file:
                command = [*(within or {}).get(number, ()), sys.executable, "-m", "keras_seg_cli", *map(str, words)]
                process = subprocess.Popen(
                    command, stdout=file, stderr=subprocess.STDOUT, env=environment(), start_new_session=True
                )
            self.logs.append(log)
            self.processes.append(process)

    def finished(self, seconds=600):
        """The exit statuses and the outputs, when all have ended."""
        end = time.monotonic() + seconds
        try:
            statuses = [process.wait(max(0.1, end - time.monotonic())) for process in self.processes]
        finally:
            self.kill()
        return statuses, [log.read_text(errors="replace") for log in self.logs]

    def wait_for(self, condition, seconds=600):
        """Wait until a condition holds; fails if a process ends before."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it took too long"
            ended = [process.poll() for process in self.processes]
            assert ended == [None] * len(ended), [log.read_text(errors="replace") for log in self.logs]
            time.sleep(0.2)

    def worker(self, place):
        """The number of the process that trains, which the one that was started watches over."""
        children = pathlib.Path(f"/proc/{self.processes[place].pid}/task/{self.processes[place].pid}/children")
        return int(children.read_text().split()[0])

    def kill(self):
        """Leave nothing running."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def errors(output):
    """The lines of an output that are errors."""
    return [line for line in output.splitlines() if line.startswith("Error: ")]
