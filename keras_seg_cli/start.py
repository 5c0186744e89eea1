"""Starting Keras without the messages that its backend writes to the terminal."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from keras_seg_cli import console

if TYPE_CHECKING:
    from keras_seg.training.trained_run import TrainedRun
    from keras_seg.training.usable_model import UsableModel

_BACKENDS = ("tensorflow", "jax", "torch")
# A time limit counts from the start of the command.
STARTED = time.monotonic()


@contextlib.contextmanager
def silenced_stderr() -> Iterator[None]:
    """Hide what native code writes to the error stream, unless the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def keras_ready() -> None:
    """Import Keras and its backend. The error for a missing backend names the package to install."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silenced_stderr():
            import keras_seg  # noqa: F401  Keras and the rest of the package are imported with it.
    except ModuleNotFoundError as error:
        if error.name in _BACKENDS:
            raise click.UsageError(
                f'Keras needs its backend {error.name}: pip install "keras-seg[{error.name}]"'
            ) from error
        raise _unusable(error) from error
    except (ImportError, ValueError) as error:  # ValueError: a backend that Keras does not know.
        raise _unusable(error) from error
    import keras

    if keras.backend.backend() not in _BACKENDS:
        raise _unusable(f"the backend is {keras.backend.backend()}")

    # Listing the devices makes TensorFlow write its last messages.
    with silenced_stderr():
        if keras.backend.backend() != "torch":
            keras.distribution.list_devices()


def _unusable(reason: object) -> click.UsageError:
    fix = f"Set KERAS_BACKEND to {', '.join(_BACKENDS[:-1])} or {_BACKENDS[-1]}, or repair its installation."
    return click.UsageError(f"Keras cannot be used ({' '.join(str(reason).split())[:300].rstrip('.')}). {fix}")


def open_run(path: str) -> "TrainedRun":
    """The finished run of a folder, with Keras ready to load its model."""
    keras_ready()
    from keras_seg.training.trained_run import TrainedRun

    return TrainedRun(path)


def open_model(path: str, *, postprocessing: bool = True) -> "UsableModel":
    """The finished run of a folder or an exported file, with Keras ready."""
    keras_ready()
    from keras_seg.training import open_model as opening

    with silenced_stderr():
        found = opening.open_model(path, postprocessing=postprocessing)
    if found.facts.tta:
        console.print_facts(("Test-time augmentation", f"part of the file: {found.facts.tta}"))
    return found
