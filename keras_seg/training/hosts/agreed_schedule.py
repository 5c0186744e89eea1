"""The learning rate of a run in several processes, whose clocks differ."""

from typing import Any

from keras_seg.training.hosts.group import Group
from keras_seg.training.progress_schedule import ProgressSchedule


class AgreedSchedule(ProgressSchedule):
    """A `ProgressSchedule` by the clock of the first process, so that all have one rate and end at the same step.

    Args:
        peak: float. The highest learning rate.
        group: `Group`.
        **options: the other arguments of `ProgressSchedule`.
    """

    def __init__(self, peak: float, *, group: Group, **options: Any) -> None:
        super().__init__(peak, **options)
        self._group = group
        self._agreed: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds of the run so far, as of the last step where several processes must agree."""
        return super().elapsed if self._agreed is None else self._agreed

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Start the clock."""
        super().on_train_begin(logs)
        self._agree()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Agree on the time, and go on as `ProgressSchedule`."""
        self._agree()
        super().on_train_batch_end(batch, logs)

    def _agree(self) -> None:
        if self._group.count > 1 and self.seconds is not None:
            self._agreed = self._group.agreed(super().elapsed)
