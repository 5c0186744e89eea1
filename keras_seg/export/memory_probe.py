"""The memory that a file takes in its runtime: `python memory_probe.py FORMAT PATH TYPE BATCH HEIGHT WIDTH CHANNELS`.

A process of its own, which imports nothing of this package: the rest of the package imports TensorFlow, whose memory
would hide that of the file. It prints the bytes by which the peak rises from before loading to after one call.
"""

import pathlib
import sys
from typing import Any

THREADS = 2


def runner(format_: str, path: str) -> Any:
    """A function that loads the file and runs it on an image; runtimes are imported here, before memory counts."""
    if format_ == "tflite":
        try:
            from ai_edge_litert import interpreter as runtime
        except ImportError:
            from tensorflow import lite as runtime

        return lambda image: runtime.Interpreter(path, num_threads=THREADS).get_signature_runner()(image=image)
    if format_ == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        providers = ["CPUExecutionProvider"]
        return lambda image: onnxruntime.InferenceSession(path, options, providers).run(None, {"image": image})
    if format_ == "openvino":
        import openvino

        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": THREADS}
        return lambda image: core.compile_model(path, "CPU", settings)(image)
    import tensorflow as tf

    tf.constant(0)  # Starts the runtime.
    return lambda image: tf.saved_model.load(path).signatures["serving_default"](image=tf.constant(image))


def peak() -> int:
    """The highest memory of this process so far, in bytes."""
    try:
        # On Linux, getrusage would count the process that started this one too.
        text = pathlib.Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return 1024 * int(text.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Bytes on macOS.


def main(format_: str, path: str, dtype: str, *shape: str) -> None:
    """Print the bytes."""
    import numpy as np

    run = runner(format_, path)
    before = peak()
    run(np.zeros(tuple(map(int, shape)), dtype))
    sys.stdout.write(f"{peak() - before}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
