"""Which epoch's weights a run keeps, and when it ends early."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Self

from keras_seg.training.plan import Plan
from keras_seg.training.tasks import Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestEpoch:
    """The choices `keep` and `patience` of a plan.

    Args:
        column: str. The column of the log that ranks epochs.
        kept: bool. Whether the weights of the best epoch are kept, and every epoch is validated therefore.
        patience: int or None. Epochs without a better score after which the run ends.
    """

    column: str
    kept: bool
    patience: int | None

    @classmethod
    def of(cls, plan: Plan, task: Task) -> Self:
        """The choices of a plan; plans of earlier versions keep the last epoch."""
        return cls(column=f"val_{task.scores[0]}", kept=plan.get("keep") == "best", patience=plan.get("patience"))

    def epoch(self, rows: Sequence[Mapping]) -> int | None:
        """The first epoch with the highest score in a log; None before any was validated."""
        scored = [(self._score(row), -int(row["epoch"])) for row in rows if self.column in row]
        return -max(scored)[1] if scored else None

    def is_over(self, rows: Sequence[Mapping]) -> bool:
        """Whether the run ends after the last epoch of a log, because scores no longer rise."""
        best = self.epoch(rows)
        return self.patience is not None and best is not None and int(rows[-1]["epoch"]) - best >= self.patience

    def _score(self, row: Mapping) -> float:
        score = float(row[self.column])
        return -math.inf if math.isnan(score) else score
