"""The log, the validation and the checkpoints of a run."""

import csv
import io
import math
import time
from collections.abc import Sequence
from typing import Any, Self, cast

import keras
import numpy as np

from keras_seg import _files
from keras_seg.training.averaged_weights import averaged
from keras_seg.training.best_epoch import BestEpoch
from keras_seg.training.checkpoint import Checkpoint, save_checkpoint
from keras_seg.training.choices import Plan
from keras_seg.training.hosts.group import Group
from keras_seg.training.kept_state import DivergedError
from keras_seg.training.out_of_memory import memory_named, whole_images
from keras_seg.training.progress_schedule import ProgressSchedule
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.tasks import Task

COLUMNS = ("epoch", "step", "seconds", "learning_rate", "loss")

# Validation and checkpoints may each take this share of the time; training gets the rest.
_SHARE = 0.05


class RunRecorder(keras.callbacks.Callback):
    """Writes a line of log.csv after every epoch, and evaluates and saves the model as often as that stays cheap.

    Args:
        run: `RunFolder`.
        validation: `data.FolderIndex` or `data.InstanceIndex`.
        scored: keras.Model. The one that is trained, without its auxiliary heads.
        schedule: `ProgressSchedule`. It counts the steps and the time.
        task: `Task`. It evaluates the model.
        plan: `Plan`. Checkpoints keep its choices.
        best: `BestEpoch`. Whether the best epoch is kept: each is then validated, and saved if it is the best so far.
        rows: sequence of dicts. The log before a resumption. Defaults to ().
        group: `Group`. The processes that train the model: the first one writes, and all validate their share of the
            images. Defaults to None, for this process alone.
    """

    def __init__(
        self,
        run: RunFolder,
        validation: Any,
        *,
        scored: keras.Model,
        schedule: ProgressSchedule,
        task: Task,
        plan: Plan,
        best: BestEpoch,
        rows: Sequence[dict] = (),
        group: Group | None = None,
    ) -> None:
        super().__init__()
        self.run = run
        self.validation = validation
        self.schedule = schedule
        self.rows = list(rows)
        # A schedule by the clock counts the steps of this process.
        self._first_step = int(rows[-1]["step"]) if rows and schedule.steps is None else 0
        self.scored = scored
        self.task = task
        self.best = best
        self.choices = {name: choice.value for name, choice in plan.choices.items()}
        self.group = group or Group()
        self._validate = _Affordable(_SHARE)
        self._save = _Affordable(_SHARE)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the line; evaluate and save when they are due."""
        model = cast(keras.Model, self.model)
        loss = float((logs or {}).get("loss", math.nan))
        if not math.isfinite(loss):
            raise DivergedError(f"The loss of epoch {epoch + 1} is {loss}.")
        row = {
            "epoch": epoch + 1,
            "step": self._first_step + self.schedule.step,
            "seconds": round(self.schedule.elapsed, 1),
            "learning_rate": float(cast(Any, keras.ops.convert_to_numpy(model.optimizer.learning_rate))),
            "loss": loss,
        }
        last = self.schedule.progress >= 1.0
        # Whether it is due is a matter of the clock, on which processes must agree.
        if self.best.kept or (not last and self.group.agreed(self._validate.due())):
            row |= self._scores(model)
        self.rows.append(row)
        if logs is not None:
            # For the callbacks that follow: not each of them looks up the learning rate.
            logs.update({name: row[name] for name in row if name == "learning_rate" or name.startswith("val_")})
        if self.group.first:
            _files.write_text(self.run.log_file, self._as_csv())
        best = self.best.epoch(self.rows) if self.best.kept else None
        if self.best.is_over(self.rows):
            model.stop_training = True
        if self.group.first and (best == epoch + 1 or (not last and self._save.due())):
            with self._save, self.group.alone():
                # The last update of an epoch with a finite loss may have ruined the weights.
                check_finite(model, epoch + 1)
                state = Checkpoint(model, epoch + 1, self.schedule.elapsed, self.rows, best=best, choices=self.choices)
                save_checkpoint(self.run, state)

    def _scores(self, model: keras.Model) -> dict[str, float]:
        """Those of the weights that the run would keep if it ended here, by column."""
        with (
            memory_named(whole_images(self.validation)),
            self._validate,
            averaged(model),
            self.group.local(self.scored) as scored,
        ):
            result = self.task.shared_scores(scored, self.validation, self.group)
        # A score is None where nothing that it counts occurs or is predicted.
        return {f"val_{name}": result[name] for name in self.task.scores if result[name] is not None}

    def _as_csv(self) -> str:
        text = io.StringIO()
        columns = (*COLUMNS, *(f"val_{name}" for name in self.task.scores))
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


def check_finite(model: keras.Model, epoch: int) -> None:
    """Fail if a weight of the model, or of its optimizer, is infinite or not a number.

    Args:
        model: compiled keras.Model.
        epoch: int. Epochs done.
    """
    for variable in (*model.weights, *cast(Any, model.optimizer).variables):
        values = np.asarray(keras.ops.convert_to_numpy(variable))
        if not np.issubdtype(values.dtype, np.integer) and not np.isfinite(values).all():
            raise DivergedError(f"The weights after epoch {epoch} are not finite.")


class _Affordable:
    """A job that is due when the time since its last run is long compared with the time that it took."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.cost = 0.0
        self.ended = -math.inf

    def due(self) -> bool:
        return time.monotonic() - self.ended >= self.cost / self.share

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = time.monotonic()
        self.cost = self.ended - self.began
