"""Commands that are interrupted: by Ctrl+C, or by the signal that batch systems and shutdowns send."""

import _thread
import contextlib
import pathlib
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from keras_seg import training

# As shells count: 128 and the number of the signal.
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
# Seconds until an interruption that came in a finalizer is raised again.
_AGAIN_AFTER = 0.05


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised where the main thread is."""


class Stopped(click.ClickException):
    """A command that was interrupted.

    Args:
        cause: the exception of the interruption, which decides on the exit status.
        text: str. What is kept, and how to go on. Defaults to "".
    """

    def __init__(self, cause: KeyboardInterrupt, text: str = "") -> None:
        super().__init__(f"Stopped. {text}".strip())
        self.status = TERMINATED if isinstance(cause, Terminated) else INTERRUPTED


@contextlib.contextmanager
def sigterm_raised() -> Iterator[None]:
    """Let SIGTERM unwind the block as Ctrl+C does, so that temporary files are removed; a second one ends at once.

    Python drops what is raised in a finalizer, and TensorFlow's graphs and many other objects have one. An interruption
    that comes while one runs is raised again after it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    def dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            unraisable_before(unraisable)
            return
        again = signal.SIGINT
        if issubclass(unraisable.exc_type, Terminated):
            again = signal.SIGTERM
            signal.signal(again, stop)
        # From another thread, as what is raised in this function is dropped too.
        threading.Timer(_AGAIN_AFTER, _thread.interrupt_main, (again,)).start()

    before = signal.signal(signal.SIGTERM, stop)
    unraisable_before, sys.unraisablehook = sys.unraisablehook, dropped
    try:
        yield
    finally:
        sys.unraisablehook = unraisable_before
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def kept_when_stopped(run: "training.RunFolder", *, command: list[str], resume: bool) -> Iterator[None]:
    """Say what is kept of a run whose training is interrupted, and the command that goes on.

    Args:
        run: `RunFolder`.
        command: list of words. The command that resumes the run.
        resume: bool. Whether it is this command already.
    """
    older = _stamp(run.plan_file)
    try:
        yield
    except KeyboardInterrupt as error:
        from keras_seg.training.kept_state import kept_state  # Imported late, like all of keras_seg.

        # A plan that was there before is of an older run, which is replaced when training begins.
        if not resume and _stamp(run.plan_file) == older:
            raise Stopped(error, "Training had not begun. Start it again.") from error
        kept = kept_state(run)
        text = f"Kept: {kept}. Continue" if kept is not None else "No epoch was saved yet. Start again"
        raise Stopped(error, f"{text} with: {shlex.join(command)}") from error


def _stamp(path: pathlib.Path) -> tuple[int, int] | None:
    """What tells a file from another one under the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
