"""All but exports runs where TensorFlow is not installed; here it is hidden. `make wheel` installs without it."""

import os
import subprocess
import sys

import pytest

import keras_seg as ks

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.thorough]

# Python runs it at its start.
HIDING = """
import importlib.machinery

original = importlib.machinery.PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.split(".")[0] in ("tensorflow", "tf_keras") else original(name, path, target)

importlib.machinery.PathFinder.find_spec = staticmethod(find_spec)
"""
COMMANDS = """
import sys
from keras_seg_cli import main

def command(*words):
    try:
        main(list(words))
    except SystemExit as end:
        print("status", end.code, words[0])

small = ("--epochs", "1", "--batch-size", "2", "--crop", "32x32", "--decoder-stride", "8", "--weights", "none")
command("train", "data", "--out", "run", *small)
command("evaluate", "run", "data")
command("predict", "run", "data/val/images", "--out", "predictions")
command("export", "run")
command("pack", "data", "packed")
import keras_seg
assert [len(images) for images, masks in keras_seg.data.from_shards("packed", batch_size=3)] == [3, 1]
assert "tensorflow" not in sys.modules
"""


def test_commands(tmp_path):
    pytest.importorskip("torch")
    ks.data.write_shapes(tmp_path / "data", train=4, val=2, image_size=(48, 64))
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "sitecustomize.py").write_text(HIDING, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path / "hiding"), *sys.path])
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    states = [line for line in done.stdout.splitlines() if line.startswith("status")]
    assert states == ["status 0 train", "status 0 evaluate", "status 0 predict", "status 2 export", "status 0 pack"]
    assert 'pip install "keras-seg[tensorflow]"' in done.stderr
    assert len(list((tmp_path / "predictions" / "masks").iterdir())) == 2
