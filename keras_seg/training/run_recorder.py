"""The log, the validation and the checkpoints of a run."""

import csv
import io
import math
import time

import keras

from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.training.checkpoint import save_checkpoint
from keras_seg.training.tasks import find_task

COLUMNS = ("epoch", "step", "seconds", "learning_rate", "loss")

# Validation and checkpoints may each take this share of the time; the training has the rest.
_SHARE = 0.05


class RunRecorder(keras.callbacks.Callback):
    """Writes a line of log.csv after every epoch, and judges and saves the model as often as that stays cheap.

    Args:
        run: `RunFolder`.
        validation: `keras_seg.data.FolderIndex`, or an `InstanceIndex`.
        schedule: `ProgressSchedule`, which counts the steps and the time.
        rows: list of dicts, the log before a resumption.
        task: `Task`, which judges. Defaults to None, for semantic segmentation.
    """

    def __init__(self, run, validation, schedule, *, rows=(), task=None):
        super().__init__()
        self.run = run
        self.validation = validation
        self.schedule = schedule
        self.rows = list(rows)
        self.task = find_task("semantic") if task is None else task
        self._validate = _Affordable(_SHARE)
        self._save = _Affordable(_SHARE)

    def on_epoch_end(self, epoch, logs=None):
        """Write the line; validate and save when it is their turn."""
        loss = float((logs or {}).get("loss", math.nan))
        if not math.isfinite(loss):
            raise InputError(f"The loss of epoch {epoch + 1} is {loss}. Start anew with a lower --learning-rate.")
        row = {
            "epoch": epoch + 1,
            "step": self.schedule.step,
            "seconds": round(self.schedule.elapsed, 1),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "loss": loss,
        }
        last = self.schedule.progress >= 1.0
        if not last and self._validate.due():
            with self._validate:
                result = self.task.check_in(self.model, self.validation)
            row |= {f"val_{name}": result[name] for name in self.task.scores}
        self.rows.append(row)
        if logs is not None:
            logs.update({name: row[name] for name in (f"val_{self.task.scores[0]}",) if name in row})
        _files.write_text(self.run.log_file, self._as_csv())
        if not last and self._save.due():
            with self._save:
                save_checkpoint(self.run, self.model, epoch + 1, seconds=self.schedule.elapsed, rows=self.rows)

    def _as_csv(self):
        text = io.StringIO()
        columns = (*COLUMNS, *(f"val_{name}" for name in self.task.scores))
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


class _Affordable:
    """A job that is due when the time since it last ran is long beside the time it took."""

    def __init__(self, share):
        self.share = share
        self.cost = 0.0
        self.ended = -math.inf

    def due(self):
        return time.monotonic() - self.ended >= self.cost / self.share

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, *_):
        self.ended = time.monotonic()
        self.cost = self.ended - self.began
