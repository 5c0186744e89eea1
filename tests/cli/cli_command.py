"""A command as a person types it. On other backends than TensorFlow, modules that import this one are skipped."""

import keras
import pytest

from keras_seg_cli import main

if keras.backend.backend() != "tensorflow":
    pytest.skip("the command line is tested once", allow_module_level=True)


def command(*arguments):
    """Exit status of `keras-seg ARGUMENTS`, run in this process."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code


def killed_at_the_first_checkpoint(*arguments):
    """Run a command that is interrupted once it has written a checkpoint."""
    from keras_seg.training import run_recorder

    save = run_recorder.save_checkpoint

    def save_and_die(*values):
        save(*values)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_recorder, "save_checkpoint", save_and_die)
        assert command(*arguments) == 130
