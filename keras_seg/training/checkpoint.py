"""Checkpoints, from which an interrupted run resumes."""

import dataclasses
import json
from typing import cast

import keras
import numpy as np

from keras_seg import _files
from keras_seg._validation import InputError, first_line
from keras_seg.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of a run at the end of an epoch.

    Args:
        model: compiled keras.Model with the state of its optimizer.
        epoch: int. Epochs done.
        seconds: float. Time spent.
        rows: list of dicts. The log so far.
        best: int or None. The epoch with the best score, whose model is kept as well. Defaults to None, for none.
        choices: dict or None. The values of the plan by which it was trained, by name. Defaults to None: not known.
        torch_draws: list of int or None. The state of PyTorch's generator, for `callbacks`. Defaults to None: it is
            that of this process.
    """

    model: keras.Model
    epoch: int
    seconds: float
    rows: list[dict]
    best: int | None = None
    choices: dict | None = None
    torch_draws: list[int] | None = None

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Those that a run needs to go on from here."""
        return [] if self.torch_draws is None else [_RestoredDraws(self.torch_draws)]


class _RestoredDraws(keras.callbacks.Callback):
    """Sets PyTorch's generator before the first step: Keras draws from it when it begins to train and to load data."""

    def __init__(self, state: list[int]) -> None:
        super().__init__()
        self._state: list[int] | None = state

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Set it once."""
        if self._state is not None:
            import torch

            torch.set_rng_state(torch.tensor(self._state, dtype=torch.uint8))
            self._state = None


def save_checkpoint(run: RunFolder, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into `run.checkpoints`; the previous one stays valid until this one is whole.

    The model goes into a file of its own name first. The state file then points to it, and replacing that file is the
    single step that makes the new checkpoint the current one.
    """
    name, best = _name(checkpoint.epoch), checkpoint.best
    with _files.written_aside(run.checkpoints / name, overwrite=True) as aside:
        checkpoint.model.save(aside)
    state = {
        "epoch": checkpoint.epoch,
        "seconds": checkpoint.seconds,
        "rows": checkpoint.rows,
        "best": best,
        "choices": checkpoint.choices,
    }
    draws = [keras.ops.convert_to_numpy(variable).tolist() for variable in _draws(checkpoint.model)]
    _files.write_json(run.state_file, {"model": name, "draws": draws, **_torch_draws(), **state})
    for old in run.checkpoints.glob("epoch_*.keras"):
        if old.name not in (name, None if best is None else _name(best)):
            old.unlink()


def load_checkpoint(run: RunFolder) -> Checkpoint | None:
    """The current `Checkpoint` of a run, or None if none was written yet."""
    if not run.state_file.exists():
        return None
    try:
        state = json.loads(run.state_file.read_text(encoding="utf-8"))
        model = keras.saving.load_model(run.checkpoints / state["model"])
        if "draws" in state:  # Earlier versions did not keep them.
            for variable, value in zip(_draws(model), state["draws"], strict=True):
                variable.assign(np.array(value, variable.dtype))
    except (OSError, ValueError, KeyError) as error:
        fix = "Start a new run with `overwrite=True`."
        raise InputError(f"{run.checkpoints}: cannot be read ({first_line(error)}). {fix}") from error
    draws = state.get("torch_draws") if keras.backend.backend() == "torch" else None
    return Checkpoint(
        model,
        state["epoch"],
        state["seconds"],
        state["rows"],
        best=state.get("best"),
        choices=state.get("choices"),
        torch_draws=draws,
    )


def saved_state(run: RunFolder) -> dict:
    """The state file of a run, without its model: `epoch`, `best`, ...; empty if there is none."""
    try:
        return json.loads(run.state_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def load_epoch(run: RunFolder, epoch: int) -> keras.Model:
    """The model of an epoch that was kept as the best."""
    return cast(keras.Model, keras.saving.load_model(run.checkpoints / _name(epoch)))


def _name(epoch: int) -> str:
    return f"epoch_{epoch:05d}.keras"


def _draws(model: keras.Model) -> list[keras.Variable]:
    """The states of the generators of random numbers, as of dropout; a file of Keras does not hold them."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _torch_draws() -> dict[str, list[int]]:
    """The state of PyTorch's own generator, which Keras' layers without a seed draw from on that backend alone."""
    if keras.backend.backend() != "torch":
        return {}
    import torch

    return {"torch_draws": torch.get_rng_state().tolist()}
