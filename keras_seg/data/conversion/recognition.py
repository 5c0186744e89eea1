"""Which format a source has, and the command that converts it."""

import os
import pathlib
import shlex

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.registry import FORMATS
from keras_seg.data.conversion.source import Source
from keras_seg.data.index import label_tools

# The format of plain folders.
_FOLDERS = FORMATS["folders"]


def find_format(source: Source) -> Format:
    """The one format that fits; plain folders of images and masks only if no other does."""
    found = _fitting(source)
    if len(found) == 1:
        return found[0][0]
    if found:
        both = " and ".join(f"{form.name} ({evidence})" for form, evidence in found)
        raise InputError(
            f"{source.shown}: can be read as {both}. Pass `format={found[0][0].name}`, or another of them."
        )
    raise InputError(_reason(source) or _unknown(source))


def refuse_unusable(source: Source, form: Format) -> None:
    """Refuse files of the tool that cannot be converted, if the format does not fit."""
    if (reason := form.unusable(source)) and not form.recognize(source):
        raise InputError(reason)


def _fitting(source: Source) -> list[tuple[Format, str]]:
    return _recognized(source, plain=False) or _recognized(source, plain=True)


def _recognized(source: Source, *, plain: bool) -> list[tuple[Format, str]]:
    forms = [form for form in FORMATS.values() if form.plain == plain]
    return [(form, evidence) for form in forms if (evidence := form.recognize(source))]


def _reason(source: Source) -> str | None:
    reasons = (form.unusable(source) for form in FORMATS.values())
    return next((reason for reason in reasons if reason), None) or next(iter(source.problems), None)


def _unknown(source: Source) -> str:
    signs = "; ".join(f"{form.name}: {form.signs}" for form in FORMATS.values())
    return f"{source.shown}: no known format. Looked for {signs}."


def _conversion_line(path: pathlib.Path, *, task: str, certain: bool) -> str | None:
    """The error for a folder or file of a format, with the command that converts it."""
    if certain and not path.is_dir():
        return None
    if path.is_file() and path.suffix.lower() == ".zip":
        return _line(path, "is an archive", task, "")
    try:
        source = Source(path)
        if certain:
            forms = [form for form in FORMATS.values() if form.misread]
            found = [(form, evidence) for form in forms if (evidence := form.recognize(source))]
        else:
            found = _recognized(source, plain=False)
        reasons = () if found or certain else (form.unusable(source) for form in FORMATS.values())
        reason = next((reason for reason in reasons if reason), None)
    except (InputError, OSError):  # A format may refuse what is fine as a data folder, such as a link.
        return None
    if not found:
        return f"{path}: {reason}" if reason else None
    form, evidence = found[0]
    return _line(path, f"is in the format {form.name} ({evidence})", task, form.name if len(found) > 1 else "")


def _joining_command(path: pathlib.Path, *, task: str) -> str | None:
    """The command that joins the masks of each image, in a sentence; None if the format folders cannot."""
    try:
        if not _FOLDERS.recognize(Source(path)):
            return None
    except (InputError, OSError):
        return None
    return f"Run {_command(path, task, '')}, which joins them, and pass the folder that it writes."


def _line(path: pathlib.Path, what: str, task: str, form: str) -> str:
    return f"{path}: {what}. Run {_command(path, task, form)}, and pass the folder that it writes."


def _command(path: pathlib.Path, task: str, form: str) -> str:
    settings = {"format": form, "task": "instances" if task == "instances" else ""}
    options = [word for name, value in settings.items() if value for word in (f"--{name}", value)]
    command = shlex.join(["keras-seg", "convert", *map(_argument, (path, _free(path))), *options])
    return f"`{command}` (in Python: ks.data.convert)"


def _argument(path: pathlib.Path) -> str:
    # Not an option, whatever its name begins with.
    text = str(path)
    return os.path.join(".", text) if text.startswith("-") else text


def _free(path: pathlib.Path) -> pathlib.Path:
    """A folder beside the source that does not exist."""
    whole = path if path.name not in ("", "..") else path.resolve()
    name = f"{whole.stem if whole.is_file() else whole.name}_converted"
    free, number = whole.with_name(name), 1
    while os.path.lexists(free):
        number += 1
        free = whole.with_name(f"{name}_{number}")
    return free


label_tools.add_recognizer(label_tools.Recognizer(conversion_line=_conversion_line, joining_command=_joining_command))
