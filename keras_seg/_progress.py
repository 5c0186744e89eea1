"""A progress bar, or calls of a function, for `progress` arguments."""

import contextlib
from collections.abc import Callable, Iterator

from keras_seg import _validation
from keras_seg._types import Progress


def check_progress(progress: Progress) -> None:
    """Refuse a `progress` that `progress_report` does not take, before work begins."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        _validation.fail("progress", "must be True, False, None or a function (done, total)", progress)


@contextlib.contextmanager
def progress_report(
    progress: Progress, *, total: int | None, unit: str, done: int = 0
) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of finished items.

    Args:
        progress: True for a bar, a function called with (done, total), or False or None for neither.
        total: int, or None where the number of items is unknown.
        unit: str. What the items are, in the plural, as the bar's label.
        done: int. Items finished before, in a run that continues. Defaults to 0.
    """
    if progress is True:
        import rich.progress  # Here because most calls draw no bar.

        columns = (*rich.progress.Progress.get_default_columns(), rich.progress.MofNCompleteColumn())
        with rich.progress.Progress(*columns) as bar:
            task = bar.add_task(unit, total=total, completed=done)
            yield lambda done: bar.update(task, completed=done)
    elif progress is None or progress is False:
        yield lambda done: None
    else:
        yield lambda done: progress(done, total)
