"""The progress bar of a training run."""

import keras
import rich.progress

from keras_seg_cli.console import console, progress_bar

# What tasks put first in the log, and how it is called.
_SCORES = {"val_mean_iou": "mIoU", "val_instance_score": "instance score", "val_boundary_f_score": "boundary F score"}


class TrainingProgress(keras.callbacks.Callback):
    """A bar over the whole run, and a line whenever the model was judged. A context manager, and a Keras callback.

    It reads the progress that `ProgressSchedule`, which stands before it in the list of callbacks, notes in the logs.
    """

    def __init__(self):
        super().__init__()
        self.bar = progress_bar(rich.progress.TextColumn("{task.fields[loss]}"))

    def __enter__(self):
        self.bar.start()
        self.task = self.bar.add_task("training", total=1.0, loss="")
        return self

    def __exit__(self, *_):
        self.bar.stop()

    def on_epoch_begin(self, epoch, logs=None):
        """Show which epoch it is."""
        self.bar.update(self.task, description=f"epoch {epoch + 1}")

    def on_train_batch_end(self, batch, logs=None):
        """Move the bar."""
        self.bar.update(self.task, completed=logs["progress"], loss=f"loss {float(logs['loss']):.3f}")

    def on_epoch_end(self, epoch, logs=None):
        """Print a line when the model was judged."""
        for name, shown in _SCORES.items():
            if name in (logs or {}):
                score = f"validation {shown} {100 * logs[name]:.1f}"
                console.print(f"epoch {epoch + 1:4d}  loss {logs['loss']:.3f}  {score}")
