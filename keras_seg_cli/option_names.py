"""Error messages of the package in the words of the command line.

The package names arguments: `overwrite=True`, `batch_size`. A user of the command line knows options: --overwrite,
--batch-size.
"""

import re
from collections.abc import Iterable

import click

# Arguments whose option has another name.
_OTHER_NAMES = {"run": "out", "validation": "val", "input_size": "size", "groups": "group_by"}
_QUOTED = re.compile(r"`(\w+)(?:=([^`]*))?`")


def in_options(message: str, command: click.Command, commands: Iterable[click.Command]) -> str:
    """A message with the arguments in backticks replaced by the options that set them.

    A bare name is an argument of the call that failed, so it is replaced only by an option of `command`. A name with a
    value is advice, which may be for another of the `commands`.
    """
    own = _options([command])
    every = {**_options(commands), **own}

    def replaced(match: re.Match) -> str:
        name, value = str(match[1]), match[2]
        option = (own if value is None else every).get(_OTHER_NAMES.get(name, name))
        return match[0] if option is None else _spelled(option, value) or match[0]

    return _QUOTED.sub(replaced, message)


def _options(commands: Iterable[click.Command]) -> dict[str, click.Option]:
    """Options by the name of the argument that they set; a trailing underscore avoids a Python word."""
    parameters = (parameter for command in commands for parameter in command.params)
    return {str(p.name).rstrip("_"): p for p in parameters if isinstance(p, click.Option)}


def _spelled(option: click.Option, value: str | None) -> str | None:
    """An option with a value, as it is typed; None if it cannot be typed."""
    name = option.opts[-1]
    if value is None or (option.is_flag and value == "True"):
        return name
    if option.is_flag:
        return option.secondary_opts[-1] if value == "False" and option.secondary_opts else None
    if value == "None":
        return None
    pair = re.fullmatch(r"\((\d+), (\d+)\)", value)
    return f"{name} {pair[1]}x{pair[2]}" if pair else f"{name} {value.strip(chr(34) + chr(39))}"
