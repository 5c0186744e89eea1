"""Starting Keras without the notes its backend writes to the terminal."""

import contextlib
import os
import sys
import tempfile
import time

import click

# A time limit counts from the moment the command was typed.
STARTED = time.monotonic()


@contextlib.contextmanager
def silenced_stderr():
    """Keep what native code writes to the error stream off the terminal; shown after all when the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def keras_ready():
    """Import Keras and its backend; a missing backend is an error that says what to install."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silenced_stderr():
            import keras

            import keras_seg.export
            import keras_seg.training  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name in ("tensorflow", "jax", "torch"):
            raise click.UsageError(
                f'Keras needs its backend {error.name}: pip install "keras-seg[{error.name}]"'
            ) from error
        raise
    # One look at the graph executor's device list prints the last of the notes.
    with silenced_stderr():
        keras.distribution.list_devices() if keras.backend.backend() != "torch" else None
