"""A function of many files, in threads."""

import collections
import concurrent.futures
import contextlib
import contextvars
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from keras_seg import _validation
from keras_seg._validation import InputError

_SHOWN = 3
_AHEAD = 16
_other: contextvars.ContextVar[Callable[..., Iterable[Any]] | None] = contextvars.ContextVar("other", default=None)


def thread_count(workers: int | None) -> int:
    """`workers`, or the number of cores for None."""
    return _validation.integer("workers", (os.cpu_count() or 1) if workers is None else workers)


def thread_map(function: Callable[[Any], Any], items: Iterable[Any], *, workers: int) -> Iterator[Any]:
    """The results of `function`, in the order of `items`. An error or an interruption cancels the calls not begun."""
    waiting: collections.deque[concurrent.futures.Future] = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                # Only a few are begun ahead, so that memory does not grow with the number of items.
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextlib.contextmanager
def mapped_by(mapping: Callable[..., Iterable[Any]]) -> Iterator[None]:
    """Let `checked_map` use another function, with the arguments of `thread_map`, such as one that uses processes."""
    token = _other.set(mapping)
    try:
        yield
    finally:
        _other.reset(token)


def checked_map(function: Callable[[Any], Any], items: Iterable[Any], *, workers: int) -> list[Any]:
    """The results of `function` for all items. Refused items are reported together, after all have been looked at.

    Raises:
        InputError: One item or more is refused. The line counts them and shows the first of each kind.
    """

    def tried(item: Any) -> Any:
        try:
            return function(item)
        except InputError as error:
            return error

    results = list((_other.get() or thread_map)(tried, items, workers=workers))
    errors = [str(result) for result in results if isinstance(result, InputError)]
    if len(errors) == 1:
        raise next(result for result in results if isinstance(result, InputError))
    if errors:
        raise InputError(_summary(errors, len(results)))
    return results


def _summary(errors: Sequence[str], total: int) -> str:
    kinds: dict[str, list[str]] = {}
    for error in errors:
        # The same fault in files of other names and sizes is one kind.
        name, _, rest = error.partition(": ")
        kinds.setdefault(re.sub(r"[\d.]+|\S+\.\w{3,4}\b", "#", rest.replace(name, "#")), []).append(error)
    shown = []
    for alike in list(kinds.values())[:_SHOWN]:
        names = [pathlib.PurePath(error.partition(": ")[0]).name for error in alike[1:]]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        shown.append(alike[0] + (f" Also: {', '.join(names[:_SHOWN])}{more}." if names else ""))
    hidden = sum(len(alike) for alike in list(kinds.values())[_SHOWN:])
    rest = f" And {hidden} more of other kinds." if hidden else ""
    return f"{' '.join(shown)}{rest} In all, {len(errors)} of {total} pairs cannot be used."
