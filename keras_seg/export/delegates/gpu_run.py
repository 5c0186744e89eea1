"""A TFLite file on LiteRT's own GPU delegate, on whatever Vulkan device this machine has."""

import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple

import numpy as np

from keras_seg.export.delegates import gpu_process

# Compiling the kernels of a large model on a processor takes a minute.
_SECONDS = 600
_ADAPTER = re.compile(r"Selected adapter: ([^,\n]+)")
_PARTIAL = "not accelerated"
# Where a file exceeds the limits of a device, LiteRT says so and goes on; the results are zero or random.
_INVALID = re.compile(r"Validation error: ([^\n]+)")
_REASON = re.compile(r"^└ (?!ERROR)(.+?)\.?$", re.MULTILINE)
_FOLLOWS = "due to a previous error"


class GpuRun(NamedTuple):
    """What LiteRT's GPU delegate made of a file.

    Attributes:
        device: str. Such as "SwiftShader Device (Subzero)", which computes on the processor.
        complete: bool. Whether it took every node; it runs no file in part.
        error: str. What it said where it refused or crashed; "" where it ran.
        maps: dict of arrays (images, ...) by the name of the output; empty where it did not run.
    """

    device: str
    complete: bool
    error: str = ""
    maps: dict[str, np.ndarray] = {}


def run_on_gpu(content: bytes, images: np.ndarray) -> GpuRun | None:
    """Run a file on images; None where LiteRT finds no Vulkan device that it can use, or is not installed.

    Args:
        content: bytes of a TFLite file with a fixed size, for one image.
        images: array (n, height, width, channels), of the type of the file's input.
    """
    if importlib.util.find_spec("ai_edge_litert") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file, given, found = (pathlib.Path(folder) / name for name in ("file.tflite", "images.npy", "maps.npz"))
        file.write_bytes(content)
        np.save(given, images)
        command = [sys.executable, gpu_process.__file__, str(file), str(given), str(found)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            said = (late.stderr or b"").decode(errors="replace")
            return GpuRun(device=_device(said), complete=False, error=f"it took longer than {_SECONDS} s")
        said = done.stderr.decode(errors="replace")
        if not (device := _device(said)):
            return None
        if error := _error(said, done.returncode):
            return GpuRun(device=device, complete=False, error=error)
        with np.load(found) as held:
            maps = {name.removeprefix("map_"): held[name] for name in held.files if name.startswith("map_")}
            return GpuRun(device=device, complete=bool(held["complete"]), maps=maps)


def _device(said: str) -> str:
    """The Vulkan device in LiteRT's log; "" where there was none."""
    found = _ADAPTER.search(said)
    return found[1].strip() if found else ""


def _error(said: str, code: int) -> str:
    """What went wrong according to LiteRT's log and the exit code; "" where nothing did."""
    invalid = [" ".join(one.split()) for one in _INVALID.findall(said)]
    if causes := [one for one in invalid if _FOLLOWS not in one] or invalid:
        return f"its results are wrong: {causes[0]}"
    if not code:
        return ""
    if _PARTIAL in said:
        return "it takes no part of the file"
    reasons = _REASON.findall(said)
    return f"its process ended with {code}" + (f": {reasons[-1]}" if reasons else "")
