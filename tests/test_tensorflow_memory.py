"""What `import keras_seg` has TensorFlow do: keep what is freed. oneDNN stays as TensorFlow sets it."""

import os
import subprocess
import sys

import pytest

from keras_seg import _tensorflow_memory

NAMES = ("TF_CPU_ALLOCATOR_USE_BFC", "TF_CPU_BFC_MEM_LIMIT_IN_MB")


@pytest.fixture
def environment(monkeypatch):
    """A process that has set nothing."""
    monkeypatch.setattr(os, "environ", {})
    return os.environ


def test_what_is_set(environment):
    """Not oneDNN: where TensorFlow leaves it out, large convolutions of one image fall to its reference code."""
    _tensorflow_memory.set_defaults()
    assert {name for name in environment if name.startswith("TF_")} == set(NAMES)


def test_what_the_user_has_set_stays(environment):
    environment.update(dict.fromkeys(NAMES, "0"))
    _tensorflow_memory.set_defaults()
    assert dict.fromkeys(NAMES, "0").items() <= environment.items()


@pytest.mark.parametrize(("gibibytes", "mebibytes"), [(8, 65_536), (512, 524_288), (None, 65_536)])
def test_the_allocator_may_take_all_memory_there_is(environment, monkeypatch, gibibytes, mebibytes):
    monkeypatch.setattr(_tensorflow_memory, "installed_memory", lambda: gibibytes and gibibytes * 2**30)
    _tensorflow_memory.set_defaults()
    assert environment[NAMES[1]] == str(mebibytes)


# Two thousand pages are 8 MB, a thirtieth of what the operations of five calls ask for.
FAULTS = """
import resource
import keras, tensorflow as tf
import keras_seg
function = tf.function(lambda x: tf.exp(tf.exp(x) - x) - x)
x = tf.zeros((16, 2**20))
function(x), function(x)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): function(x)
print("faults:", resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.tensorflow_only
@pytest.mark.skipif(sys.platform != "linux", reason="pages are counted as Linux counts them")
def test_freed_memory_is_taken_again():
    quiet = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    faults = []
    for chosen in ({}, {"TF_CPU_ALLOCATOR_USE_BFC": "0"}):
        environment = kept | quiet | chosen
        done = subprocess.run(
            [sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True, check=True
        )
        faults.append(int(done.stdout.split("faults:")[1]))
    assert faults[0] < 2000 < faults[1]
