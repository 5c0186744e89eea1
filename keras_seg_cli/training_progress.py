"""The progress bar of a training run."""

from typing import Self

import keras
import rich.progress

from keras_seg.training.tasks import Task
from keras_seg_cli.console import console, progress_bar


class TrainingProgress(keras.callbacks.Callback):
    """A bar over the whole run, and a line after each validation. A context manager and a Keras callback.

    It reads the progress that `ProgressSchedule`, an earlier callback, puts into the logs.

    Args:
        task: `Task`. It names the score to print.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._score, self._label = f"val_{task.scores[0]}", task.score_label
        self._bar = progress_bar(rich.progress.TextColumn("{task.fields[loss]}", markup=False))

    def __enter__(self) -> Self:
        self._bar.start()
        self._training = self._bar.add_task("training", total=1.0, loss="")
        self._evaluating = None
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Show the epoch."""
        self._bar.update(self._training, description=f"epoch {epoch + 1}")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Move the bar."""
        logs = logs or {}
        self._bar.update(self._training, completed=logs["progress"], loss=f"loss {float(logs['loss']):.3f}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Print a line if the model was validated."""
        logs = logs or {}
        if self._score in logs:
            score = f"validation {self._label} {100 * logs[self._score]:.1f}"
            console.print(f"epoch {epoch + 1:4d}  loss {logs['loss']:.3f}  {score}")

    def on_train_end(self, logs: dict | None = None) -> None:
        """Say what goes on while the decoding is tuned, which has no bar."""
        self._bar.update(self._training, description="saving, choosing thresholds")

    def evaluated(self, done: int, total: int | None) -> None:
        """Show the progress of the final evaluation."""
        if self._evaluating is None:
            self._bar.update(self._training, description="trained")
            self._evaluating = self._bar.add_task("evaluating", total=total, loss="")
        self._bar.update(self._evaluating, completed=done)
