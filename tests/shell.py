"""keras-seg as a person types it, run in this process.

On other backends than TensorFlow, modules that import this one are skipped.
"""

import signal

import keras
import pytest

from keras_seg.training import run_recorder
from keras_seg_cli import main

if keras.backend.backend() != "tensorflow":
    pytest.skip("the command line is tested once", allow_module_level=True)


# Of tests that train by `trained_by_command`, untraced.
MARKS = [
    pytest.mark.tensorflow_only,
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore:.*run_functions_eagerly:UserWarning"),
]
# The least training: one epoch of small crops.
TRAIN = ("--epochs", 1, "--batch-size", 2, "--crop", "32x32", "--decoder-stride", 8)


def untraced_epochs(steps):
    """A fixture for a module: epochs of a few steps, untraced, as its tests are about the workflow, not the model."""
    import tensorflow as tf

    @pytest.fixture(scope="module", autouse=True)
    def untraced():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("keras_seg.training.plan._FEWEST_STEPS", steps)
            tf.config.run_functions_eagerly(True)
            yield
            tf.config.run_functions_eagerly(False)

    return untraced


def command(*arguments):
    """Exit status of `keras-seg ARGUMENTS`."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code


def trained_by_command(tmp_path_factory, data, *options):
    """The folder of a run of `keras-seg train DATA OPTIONS`."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert command("train", data, "--out", out, *options) == 0
    return out


def refusal(capsys, *arguments):
    """The one line of a command that must fail."""
    capsys.readouterr()
    assert command(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    return lines[0]


def killed(monkeypatch, *arguments, by=None):
    """Exit status of a command that is interrupted after its first checkpoint, by Ctrl+C or a signal."""
    save = run_recorder.save_checkpoint

    def save_and_die(*state):
        save(*state)
        if by is None:
            raise KeyboardInterrupt  # A process in the background may ignore SIGINT.
        signal.raise_signal(by)

    with monkeypatch.context() as patch:
        patch.setattr(run_recorder, "save_checkpoint", save_and_die)
        return command(*arguments)
