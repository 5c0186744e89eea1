"""Showing how far a long prediction is."""

import contextlib

from keras_seg import _validation


def check_progress(progress):
    """An error for a `progress` that `progress_report` does not take, before anything is written."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        _validation.fail("progress", "must be True, False or a function (done, total)", progress)


@contextlib.contextmanager
def progress_report(progress, done, total, *, unit="tiles"):
    """A function of the number of `unit` done, for `progress`: False, True for a bar, or a function (done, total).

    `done` is how many there were before, in a run that goes on.
    """
    if progress is False or progress is None:
        yield lambda done: None
    elif progress is True:
        import rich.progress  # Here because most calls draw no bar.

        columns = (*rich.progress.Progress.get_default_columns(), rich.progress.MofNCompleteColumn())
        with rich.progress.Progress(*columns) as bar:
            task = bar.add_task(unit, total=total, completed=done)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield lambda done: progress(done, total)
