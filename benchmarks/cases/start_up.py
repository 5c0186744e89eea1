"""The time until something happens: importing the package, and the first line of a command."""

import pathlib
import subprocess
import sys
import tempfile
import time

CASES = ["import keras_seg, beyond import keras", "keras-seg --help", "keras-seg plan, beyond import keras"]
OURS = {"keras_seg": None}
PEERS = []
FOREIGN = []
MEMORY = None
# Milliseconds that we want.
WANTED = dict(zip(CASES, (150, 300, 2000), strict=True))
OWN = {"returns_milliseconds": True}
IMPORTS = "import time, keras; start = time.perf_counter(); import keras_seg; print(time.perf_counter() - start)"


def has(system, case):
    return True


def prepare(system, case):
    """A call that returns its milliseconds."""
    if case.startswith("import"):
        return lambda: 1000 * float(output_of("-c", IMPORTS).splitlines()[-1]), OWN
    if case == "keras-seg --help":
        return lambda: milliseconds("-m", "keras_seg_cli", "--help"), OWN
    from keras_seg.data import write_shapes

    folder = pathlib.Path(tempfile.mkdtemp(prefix="plan-")) / "shapes"
    write_shapes(folder, train=16, val=8, image_size=(96, 128))

    def plan():
        return milliseconds("-m", "keras_seg_cli", "plan", str(folder)) - milliseconds("-c", "import keras")

    return plan, OWN


def output_of(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True).stdout


def milliseconds(*words):
    start = time.perf_counter()
    output_of(*words)
    return 1000 * (time.perf_counter() - start)
