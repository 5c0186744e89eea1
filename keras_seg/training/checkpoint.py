"""Checkpoints: where a killed run goes on."""

import dataclasses
import json

import keras

from keras_seg import _files
from keras_seg._validation import InputError


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A run at the end of an epoch.

    Attributes:
        model: compiled keras.Model with its optimizer's state.
        epoch: int, epochs done.
        seconds: float, time spent.
        rows: list of dicts, the log so far.
    """

    model: keras.Model
    epoch: int
    seconds: float
    rows: list


def save_checkpoint(run, model, epoch, *, seconds, rows):
    """Write a checkpoint into `run.checkpoints`; the one before stays valid until this one is whole.

    The model goes into a file of its own name first. The state file then points to it, and replacing that file is the
    single step that makes the new checkpoint the current one.
    """
    name = f"epoch_{epoch:05d}.keras"
    with _files.written_aside(run.checkpoints / name, overwrite=True) as aside:
        model.save(aside)
    _files.write_json(run.state_file, {"model": name, "epoch": epoch, "seconds": seconds, "rows": rows})
    for old in run.checkpoints.glob("epoch_*.keras"):
        if old.name != name:
            old.unlink()


def load_checkpoint(run):
    """The current `Checkpoint` of a run, or None where none was written yet."""
    if not run.state_file.exists():
        return None
    try:
        state = json.loads(run.state_file.read_text(encoding="utf-8"))
        model = keras.saving.load_model(run.checkpoints / state["model"])
    except (OSError, ValueError, KeyError) as error:
        first_line = str(error).strip().split("\n")[0][:200]
        raise InputError(f"{run.checkpoints}: cannot be read ({first_line}). Start anew with --overwrite.") from error
    return Checkpoint(model, state["epoch"], state["seconds"], state["rows"])
