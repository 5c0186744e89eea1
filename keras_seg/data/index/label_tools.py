"""Folders that a label tool or a known data set wrote: they are converted, and the error says the command.

The formats lie in a package above this one. Each of its recognizers is added here, so that no import points upwards.
"""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any, Protocol

from keras_seg._validation import InputError

LABEL_FILES = ("labels.json", "classes.txt")


class Recognizer(Protocol):
    """Gives the line of the error for a path that needs to be converted, or None."""

    def __call__(self, path: pathlib.Path, *, task: str, certain: bool) -> str | None:
        """`certain` asks only for folders whose masks would be misread; it is quick."""
        ...


_recognizers: list[Recognizer] = []


def add_recognizer(recognizer: Recognizer) -> None:
    """Ask this recognizer about paths from now on."""
    _recognizers.append(recognizer)


def conversion_error(path: pathlib.Path, *, task: str = "semantic", certain: bool = False) -> InputError | None:
    """The error that names the command to convert a file or folder, or None for one that no recognizer knows."""
    lines = (recognizer(path, task=task, certain=certain) for recognizer in _recognizers)
    line = next((line for line in lines if line), None)
    return None if line is None else InputError(line)


@contextlib.contextmanager
def colors_converted(path: Any, *, task: str) -> Iterator[None]:
    """Let an error about masks in colors, whose meaning is in the files of a tool, name the command."""
    try:
        yield
    except InputError as error:
        if isinstance(path, (tuple, list)) or "painted in colors" not in str(error):
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
