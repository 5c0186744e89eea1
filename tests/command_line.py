"""The command line in the process of a test."""

import pytest

from keras_seg_cli import main


def exit_status(*arguments):
    """The exit status of a command."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code
