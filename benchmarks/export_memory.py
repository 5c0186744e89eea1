"""The time and the memory that exports of a large model take, FCN8s with half a gigabyte of weights.

Memory is the highest that the process takes while it exports, beyond what it had with the model loaded, in units of the
weights: 1 is one more copy of them. Each format has a process of its own.

    python benchmarks/export_memory.py
    python benchmarks/export_memory.py --model SegNet --formats tflite onnx
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FILES = {"tflite": "m.tflite", "onnx": "m.onnx", "saved_model": "m", "openvino": "m.xml"}
_SIDE = 224


def in_memory(field):
    """Bytes that this process has in memory ("VmRSS"), or had at most ("VmHWM")."""
    text = pathlib.Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return 1024 * int(text.split(f"{field}:")[1].split()[0])


def measured(name, format_):
    """Print a row for one format."""
    import numpy as np

    import keras_seg as ks

    model = ks.models.build(name, num_classes=21)
    model(np.zeros((1, _SIDE, _SIDE, 3), "float32"))
    weights, before = 4 * model.count_params(), in_memory("VmRSS")
    # Linux begins a new maximum. A thread that looks now and then would miss converters, which let none run.
    pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        getattr(ks.export, format_)(model, pathlib.Path(folder) / FILES[format_], input_size=_SIDE)
    seconds = time.perf_counter() - start
    highest = in_memory("VmHWM")
    print(f"| {format_} | {seconds:.1f} s | {(highest - before) / weights:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="FCN8s")
    parser.add_argument("--formats", nargs="+", choices=list(FILES), default=list(FILES))
    parser.add_argument("--format", choices=list(FILES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.format:
        measured(arguments.model, arguments.format)
        return
    print(
        f"{arguments.model}, {_SIDE} x {_SIDE}\n\n| format | time | memory, copies of the weights |\n|---|---:|---:|",
        flush=True,
    )
    for format_ in arguments.formats:
        subprocess.run([sys.executable, __file__, "--model", arguments.model, "--format", format_], check=True)


if __name__ == "__main__":
    sys.exit(main())
