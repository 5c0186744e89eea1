"""One alternative of a case of the suite in a process of its own: `python benchmarks/worker.py GROUP SYSTEM CASE`.

The processes of all alternatives run side by side and are called by turns, so that noise on the machine affects all of
them; GROUP is a module of `cases`. Each has a Python of its own, which may be that of another environment.
"""

import argparse
import ctypes
import importlib
import json
import os
import resource
import subprocess
import sys
import time

THREADS = 2
# glibc's M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
ARENAS, MAPPED_FROM, TRIMMED_FROM = -8, -3, -1


class Worker:
    """A running alternative."""

    def __init__(self, python, group, system, case):
        command = [str(python), __file__, group, system, case]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def ready(self):
        """Wait until it can be called; what it says of itself."""
        return self._answer()

    def _answer(self):
        # What libraries print is skipped.
        while line := self._process.stdout.readline():
            if line.startswith("answer: "):
                return json.loads(line.removeprefix("answer: "))
        command = " ".join(map(str, self._process.args))
        raise SystemExit(f"{command} ended with status {self._process.wait()}: run it to see why.")

    def call(self):
        """Milliseconds of one call."""
        self._process.stdin.write("call\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self):
        """End the process; the most memory it had, in MiB."""
        self._process.stdin.write("end\n")
        self._process.stdin.close()
        peak = self._answer()
        self._process.wait()
        return peak


def serve(call, facts):
    """Answer the lines on the standard input, a call or the end; the facts say whether a call takes its own time."""

    def answer(value):
        print("answer:", json.dumps(value), flush=True)

    answer(facts)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        start = time.perf_counter()
        own = call()
        took = 1000 * (time.perf_counter() - start)
        answer(own if facts.get("returns_milliseconds") else took)
    answer(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def keep_freed_memory():
    """Have the C library keep freed memory: torch is faster by up to a third, and TensorFlow does so by itself.

    PyTorch's tuning guide recommends other allocators for the same gain.
    """
    library = ctypes.CDLL("libc.so.6")
    for setting, value in ((ARENAS, 1), (MAPPED_FROM, 2**31 - 1), (TRIMMED_FROM, 2**31 - 1)):
        if not library.mallopt(setting, value):
            raise SystemExit(f"mallopt refuses {setting} = {value}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("group")
    parser.add_argument("system")
    parser.add_argument("case")
    arguments = parser.parse_args()
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": str(THREADS)}
    group = importlib.import_module(f"cases.{arguments.group}")
    if arguments.system in group.FOREIGN:
        keep_freed_memory()
    serve(*group.prepare(arguments.system, arguments.case))


if __name__ == "__main__":
    main()
