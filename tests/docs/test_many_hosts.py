"""The script of docs/how-to/many-hosts.md in two processes comes to what it does in one."""

import json
import os
import re
import socket
import subprocess
import sys

import numpy as np
import page_code
import pytest

import keras_seg as ks

PAGE = page_code.ROOT / "docs" / "how-to" / "many-hosts.md"
SMALLER = (
    ("batch_size=32", "batch_size=4"),
    ("(256, 256)", "(32, 32)"),
    ("=100", "=2"),
    ('backbone="MobileNetV2"', "filters=2, depth=1"),
    ('"adamw"', "keras.optimizers.SGD(0.01)"),  # Adam makes rounding as large as the learning rate.
    ("epochs=50", "epochs=2"),
    (", verbose=2 if process == 0 else 0", ", verbose=0"),
)
REPORT = """
import json, numpy
weights = [float(numpy.abs(numpy.asarray(weight)).sum()) for weight in model.weights]
print(json.dumps([*history.history["loss"], *history.history["mean_iou"], *weights]))
"""


def script(port):
    """The first block of the page, with small numbers, that prints what it came to."""
    text = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    for old, new in (*SMALLER, ("10.0.0.1:12345", f"localhost:{port}")):
        assert old in text, old
        text = text.replace(old, new)
    return text + REPORT


def trained(folder, processes):
    """The numbers that each process prints."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    (folder / "train.py").write_text(script(port))
    environment = {
        **os.environ,
        "PYTHONPATH": str(page_code.ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    running = [
        subprocess.Popen(
            [sys.executable, "train.py", str(process), str(processes)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(processes)
    ]
    outputs = [process.communicate(timeout=900)[0] for process in running]
    assert all(process.returncode == 0 for process in running)
    return [np.array(json.loads(output.splitlines()[-1])) for output in outputs]


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_two_processes_are_one(tmp_path):
    ks.data.write_shapes(tmp_path / "my_data", train=16, val=1, image_size=(48, 48))
    [alone] = trained(tmp_path, 1)
    first, second = trained(tmp_path, 2)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, alone, rtol=1e-4)
    assert sorted(path.name for path in tmp_path.glob("*.keras")) == ["model.keras"]
