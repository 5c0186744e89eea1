"""The log, the validation and the checkpoints of a run."""

import csv
import io
import math
import time

import keras

from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.inference import evaluate
from keras_seg.training.checkpoint import save_checkpoint

COLUMNS = ("epoch", "step", "seconds", "learning_rate", "loss", "val_mean_iou", "val_pixel_accuracy")

# Validation and checkpoints may each take this share of the time; the training has the rest.
_SHARE = 0.05


class RunRecorder(keras.callbacks.Callback):
    """Writes a line of log.csv after every epoch, and judges and saves the model as often as that stays cheap.

    Args:
        run: `RunFolder`.
        validation: `keras_seg.data.FolderIndex`.
        schedule: `ProgressSchedule`, which counts the steps and the time.
        rows: list of dicts, the log before a resumption.
        judge: the function that evaluates, exchanged in tests. Defaults to `keras_seg.inference.evaluate`.
    """

    def __init__(self, run, validation, schedule, rows=(), judge=evaluate):
        super().__init__()
        self.run = run
        self.validation = validation
        self.schedule = schedule
        self.rows = list(rows)
        self.judge = judge
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
                result = self.judge(self.model, self.validation).to_dict()
            row |= {"val_mean_iou": result["mean_iou"], "val_pixel_accuracy": result["pixel_accuracy"]}
        self.rows.append(row)
        if logs is not None:
            logs.update({name: row[name] for name in ("val_mean_iou",) if name in row})
        _files.write_text(self.run.log_file, _as_csv(self.rows))
        if not last and self._save.due():
            with self._save:
                save_checkpoint(self.run, self.model, epoch + 1, self.schedule.elapsed, self.rows)


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


def _as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
