"""Folders that a label tool or a known data set wrote: they are converted, and the error says the command.

The formats lie in a package above this one. Each of its recognizers is added here, so that no import points upwards.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from keras_seg._validation import InputError
from keras_seg.data.index.refusals import PaintedMaskError, SeveralMasksError

LABEL_FILES = ("labels.json", "classes.txt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recognizer:
    """Knows the folders that need to be converted.

    Args:
        conversion_line: function of (path, task=..., certain=...) that gives the line of the error for what a label
            tool wrote, or None. `certain` asks only for folders whose masks would be misread; it is quick.
        joining_command: function of (path, task=...) that gives the command that joins the masks of each image, in a
            sentence, or None if it could not.
    """

    conversion_line: Callable[..., str | None]
    joining_command: Callable[..., str | None]


_recognizers: list[Recognizer] = []


def add_recognizer(recognizer: Recognizer) -> None:
    """Ask this recognizer about paths from now on."""
    _recognizers.append(recognizer)


def conversion_error(path: pathlib.Path, *, task: str = "semantic", certain: bool = False) -> InputError | None:
    """The error that names the command to convert a file or folder, or None for one that no recognizer knows."""
    lines = (recognizer.conversion_line(path, task=task, certain=certain) for recognizer in _recognizers)
    line = next((line for line in lines if line), None)
    return None if line is None else InputError(line)


def joined(error: SeveralMasksError, path: pathlib.Path, *, task: str = "semantic") -> SeveralMasksError:
    """The error with the command that joins the masks of each image, if there is one."""
    commands = (recognizer.joining_command(path, task=task) for recognizer in _recognizers)
    command = next((command for command in commands if command), None)
    return error if command is None else error.with_fix(command)


@contextlib.contextmanager
def colors_converted(path: Any, *, task: str) -> Iterator[None]:
    """Let an error about masks in colors, whose meaning is in the files of a tool, name the command."""
    try:
        yield
    except PaintedMaskError as error:
        if isinstance(path, (tuple, list)):
            raise
        raise conversion_error(pathlib.Path(path), task=task) or error from error


def refuse_data_set(path: Any, *, task: str, settings: tuple[Any, ...]) -> None:
    """Refuse a known data set that would be misread, unless the caller says how it is read: argument or label file."""
    if isinstance(path, (tuple, list)) or any(setting is not None for setting in settings):
        return
    root = pathlib.Path(path)
    if any((root / name).is_file() for name in LABEL_FILES):
        return
    error = conversion_error(root, task=task, certain=True)
    if error is not None:
        raise error
