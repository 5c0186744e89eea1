"""A function of many files, in threads."""

import concurrent.futures
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from keras_seg import _validation


def thread_count(workers: int | None) -> int:
    """`workers`, or the number of cores for None."""
    return _validation.integer("workers", (os.cpu_count() or 1) if workers is None else workers)


def thread_map(function: Callable[[Any], Any], items: Iterable[Any], *, workers: int) -> Iterator[Any]:
    """The results of `function`, in the order of `items`. An error or an interruption cancels the calls not begun."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            yield from pool.map(function, items)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
