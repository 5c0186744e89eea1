"""Checkpoints, from which an interrupted run resumes."""

import dataclasses
import json

import keras

from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of a run at the end of an epoch.

    Args:
        model: compiled keras.Model with the state of its optimizer.
        epoch: int. Epochs done.
        seconds: float. Time spent.
        rows: list of dicts. The log so far.
    """

    model: keras.Model
    epoch: int
    seconds: float
    rows: list[dict]


def save_checkpoint(run: RunFolder, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into `run.checkpoints`; the previous one stays valid until this one is whole.

    The model goes into a file of its own name first. The state file then points to it, and replacing that file is the
    single step that makes the new checkpoint the current one.
    """
    name = f"epoch_{checkpoint.epoch:05d}.keras"
    with _files.written_aside(run.checkpoints / name, overwrite=True) as aside:
        checkpoint.model.save(aside)
    state = {"epoch": checkpoint.epoch, "seconds": checkpoint.seconds, "rows": checkpoint.rows}
    _files.write_json(run.state_file, {"model": name, **state})
    for old in run.checkpoints.glob("epoch_*.keras"):
        if old.name != name:
            old.unlink()


def load_checkpoint(run: RunFolder) -> Checkpoint | None:
    """The current `Checkpoint` of a run, or None if none was written yet."""
    if not run.state_file.exists():
        return None
    try:
        state = json.loads(run.state_file.read_text(encoding="utf-8"))
        model = keras.saving.load_model(run.checkpoints / state["model"])
    except (OSError, ValueError, KeyError) as error:
        first_line = str(error).strip().split("\n")[0][:200]
        fix = "Start a new run with `overwrite=True`."
        raise InputError(f"{run.checkpoints}: cannot be read ({first_line}). {fix}") from error
    return Checkpoint(model, state["epoch"], state["seconds"], state["rows"])
