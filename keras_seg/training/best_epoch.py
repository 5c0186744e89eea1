"""Which epoch's weights a run keeps, and when it ends early."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Self

from keras_seg.training.checkpoint import Checkpoint
from keras_seg.training.plan import Plan
from keras_seg.training.tasks import Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestEpoch:
    """The choices `keep` and `patience` of a plan.

    Args:
        column: str. The column of the log that ranks epochs.
        kept: bool. Whether the weights of the best epoch are kept, and every epoch is validated therefore.
        patience: int or None. Epochs without a better score after which the run ends.
        resumed: int. The epoch of the checkpoint that a run goes on from. Defaults to 0, for none.
        saved: int or None. The epoch up to there whose model was kept as the best. Defaults to None, for none.
    """

    column: str
    kept: bool
    patience: int | None
    resumed: int = 0
    saved: int | None = None

    @classmethod
    def of(cls, plan: Plan, task: Task, *, checkpoint: Checkpoint | None = None) -> Self:
        """The choices of a plan for a run that goes on from a checkpoint; earlier versions keep the last epoch."""
        return cls(
            column=f"val_{task.scores[0]}",
            kept=plan.get("keep") == "best",
            patience=plan.get("patience"),
            resumed=0 if checkpoint is None else checkpoint.epoch,
            saved=None if checkpoint is None else checkpoint.best,
        )

    def epoch(self, rows: Sequence[Mapping]) -> int | None:
        """The first epoch with the highest score in a log, of those that can be kept; None before any was validated."""
        scored = [(self._score(row), -int(row["epoch"])) for row in rows if self.column in row and self._has_model(row)]
        return -max(scored)[1] if scored else None

    def is_over(self, rows: Sequence[Mapping]) -> bool:
        """Whether the run ends after the last epoch of a log, because scores no longer rise."""
        best = self.epoch(rows)
        return self.patience is not None and best is not None and int(rows[-1]["epoch"]) - best >= self.patience

    def _has_model(self, row: Mapping) -> bool:
        """Whether the model of an epoch is, or will be, on the disk: a run may have begun to keep the best only now."""
        return int(row["epoch"]) > self.resumed or int(row["epoch"]) == self.saved

    def _score(self, row: Mapping) -> float:
        score = float(row[self.column])
        return -math.inf if math.isnan(score) else score
