"""Timing of alternatives that live in processes of their own, such as other environments, and take turns in one run.

A script calls `serve({name: callable})` in the processes that it starts as `Worker`s.
"""

import json
import statistics
import subprocess
import sys
import time


def serve(alternatives):
    """Answer each name on the standard input with the milliseconds of one call; returns at its end."""
    print(json.dumps(list(alternatives)), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        alternatives[line.strip()]()
        print(json.dumps(1000 * (time.perf_counter() - start)), flush=True)


class Worker:
    """A process that serves alternatives."""

    def __init__(self, command):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.names = self._answer()

    def _answer(self):
        while line := self._process.stdout.readline():
            if line.startswith(("[", *"0123456789")):
                return json.loads(line)
        raise SystemExit(f"{' '.join(map(str, self._process.args))} ended with status {self._process.wait()}")

    def __call__(self, name):
        """Milliseconds of one call of the alternative."""
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def take_turns(workers, name, rounds=9, warmup=2):
    """{worker: median milliseconds} of an alternative of that name in each worker that has it, called by turns."""
    times = {key: [] for key, worker in workers.items() if name in worker.names}
    for round_ in range(rounds + warmup):
        for key, found in times.items():
            took = workers[key](name)
            if round_ >= warmup:
                found.append(took)
    return {key: statistics.median(found) for key, found in times.items()}
