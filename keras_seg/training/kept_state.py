"""What an interrupted run keeps, in words."""

from keras_seg._text import counted
from keras_seg._validation import InputError
from keras_seg.training.checkpoint import saved_state
from keras_seg.training.leaderboard_folder import LeaderboardFolder
from keras_seg.training.run_folder import RunFolder


class ChangeNeededError(InputError):
    """Going on from the kept state would end in the same way, unless a choice of the plan is lowered.

    Args:
        message: str. What happened.
        choice: str. The choice.
    """

    def __init__(self, message: str, *, choice: str) -> None:
        super().__init__(message)
        self.choice = choice


class DivergedError(ChangeNeededError):
    """The loss or the weights are no longer finite.

    Args:
        message: str. What happened.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, choice="learning_rate")


def kept_state(run: RunFolder) -> str | None:
    """What is kept of a run that was interrupted, from which it resumes; None if no epoch was saved yet.

    Args:
        run: `RunFolder`, of one run, of folds, or of a leaderboard.
    """
    if isinstance(run, LeaderboardFolder):
        return _kept_leaderboard(run)
    if run.is_folds:
        return _kept_folds(run)
    if run.model_file.exists():
        return "the trained model"
    epoch = saved_state(run).get("epoch")
    return None if epoch is None else f"the state after epoch {epoch}"


def with_kept_state(error: InputError, run: RunFolder) -> InputError:
    """An error that ended a run, followed by what is kept of it and how to go on."""
    kept = kept_state(run)
    if isinstance(error, ChangeNeededError):
        again = f"Start a new run with a lower `{error.choice}`."
        if kept is not None:
            again = (
                f"Kept: {kept}. Lower the {error.choice} in {run.plan_file} and continue with `resume=True`, or start "
                "a new run."
            )
        return InputError(f"{error} {again}")
    on = f"Kept: {kept}. Then continue" if kept is not None else "No epoch was saved yet. Then start again"
    return InputError(f"{error} {on} with `resume=True`.")


def _kept_folds(run: RunFolder) -> str | None:
    """The finished folds, and what is kept of the one after them."""
    number = run.load_folds()["folds"]
    folds = [run.fold(place) for place in range(1, number + 1)]
    finished = sum(fold.finished for fold in folds)
    parts = [f"{finished} of {counted(number, 'fold')}"] if finished else []
    for place, fold in enumerate(folds, start=1):
        state = None if fold.finished else kept_state(fold)
        if state is not None:
            parts.append(f"{state} of fold {place}")
    return " and ".join(parts) or None


def _kept_leaderboard(folder: LeaderboardFolder) -> str | None:
    """How many runs are finished, and what is kept of others."""
    runs = [RunFolder(path) for path in sorted(folder.runs.iterdir())] if folder.runs.is_dir() else []
    finished = sum(run.finished for run in runs)
    parts = [counted(finished, "finished run")] if finished else []
    for run in runs:
        state = None if run.finished else kept_state(run)
        if state is not None:
            parts.append(f"{state} of {run.path.name}")
    return " and ".join(parts) or None
