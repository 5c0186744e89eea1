"""One of several runs, whether it was begun before or not."""

from typing import Any

from keras_seg.training.fit import TrainingResult, fit
from keras_seg.training.plan import Plan
from keras_seg.training.run_folder import RunFolder


def fit_or_resume(plan: Plan, *, run: RunFolder, seconds_spent: float = 0.0, **options: Any) -> TrainingResult:
    """Train a run by a plan, or continue it by its own if it was begun.

    Args:
        plan: `Plan` of a new run.
        run: `RunFolder`.
        seconds_spent: float. As for `fit`, of a new run. Defaults to 0.
        **options: other arguments of `fit`.
    """
    if run.plan_file.exists():
        return fit(run.load_plan(), run=run, resume=True, **options)
    return fit(plan, run=run, seconds_spent=seconds_spent, **options)
