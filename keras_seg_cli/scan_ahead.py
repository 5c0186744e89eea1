"""Reading the data in processes of their own, while this one imports Keras."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

from keras_seg_cli.scan_process import Request, Share, send_share

# More would wait for the disk.
_MOST = 8


class ScanAhead:
    """The files of the images to train on, looked at in other processes from now on.

    Args:
        path: str. The data folder.
        task: str. Name of the task.
        options: dict of arguments of the task's scan; None counts as not given.
    """

    def __init__(self, path: str, task: str, options: dict[str, Any]) -> None:
        given = {name: value for name, value in options.items() if value is not None and name != "group_by"}
        self._request = Request(path, task, given)
        # Not copies of this process, which not every system can make, but new ones.
        context = multiprocessing.get_context("spawn")
        self._processes, self._receivers = [], []
        number = min(os.cpu_count() or 1, _MOST)
        # Inherited: Ctrl+C reaches all processes of a terminal, and this one ends the others.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for first in range(number):
                receiver, sender = context.Pipe(duplex=False)
                place = {"first": first, "step": number}
                process = context.Process(target=send_share, args=(sender, self._request), kwargs=place, daemon=True)
                process.start()
                sender.close()  # So that the end of the other process ends the waiting.
                self._processes.append(process)
                self._receivers.append(receiver)
        finally:
            signal.signal(signal.SIGINT, before)

    def before(self, scan: Callable[..., Any]) -> Callable[..., Any]:
        """`scan`, which takes over what the other processes have found if it is called with the same arguments."""

        def scanned(path: str, *, split: str | None = None, **options: Any) -> Any:
            from keras_seg.data.index.thread_map import mapped_by

            if (path, options) != (self._request.path, self._request.options):
                return scan(path, split=split, **options)
            with mapped_by(lambda function, items, **kwargs: self._taken(split, function, list(items), **kwargs)):
                return scan(path, split=split, **options)

        return scanned

    def _taken(
        self, split: str | None, function: Callable[[Any], Any], items: list[Any], *, workers: int
    ) -> Iterable[Any]:
        """The results of `function`: from the other processes, once, or from threads of this one."""
        from keras_seg.data.index.thread_map import thread_map

        shares, self._receivers = [_received(receiver) for receiver in self._receivers], []
        number = len(shares)
        results: list[Any] = [None] * len(items)
        for first, share in enumerate(shares):
            if share is None or share.split != split or share.items != items[first::number]:
                number = 0
                break
            results[first::number] = share.results
        return results if number else thread_map(function, items, workers=workers)


def _received(receiver: Any) -> Share | None:
    """What a process found; None if it failed or ended, so that its work is done again where an error is shown."""
    try:
        return receiver.recv()
    except Exception:
        return None
    finally:
        receiver.close()


def scan_ahead(path: str, *, task: str | None, plan_file: str | None, options: dict[str, Any]) -> ScanAhead | None:
    """Begin a scan with the arguments of `steps.scan` in other processes; None where that would save no time."""
    if "keras" in sys.modules or (task is None and plan_file is not None):
        return None  # Only Keras can read which task the file is for.
    if not click.get_current_context().obj:
        return None  # A new process imports the main module, and a script would run again.
    return ScanAhead(path, task or "semantic", options)
