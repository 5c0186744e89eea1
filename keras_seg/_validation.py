"""Argument checks and their wording, shared by every public constructor.

The wording is one line: the argument in backticks, the rule, ``Received: name=value`` and, if there is one, the fix.
Keras is imported by the checks that need it: scans of files run without it.
"""

import difflib
import importlib
import numbers
import operator
import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, NoReturn

_BREAKS = ("Cc", "Zl", "Zp")  # Control characters, and what separates lines and paragraphs.


class InputError(ValueError):
    """The input cannot be used. The message is one line that names the argument or file and the fix.

    A subclass of `ValueError`, so callers can catch either; the command line prints it without a traceback.
    """

    # Keras adds lines about the arguments to errors raised inside a layer's call, unless this flag is set.
    _keras_call_info_injected = True

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    """Text with control characters, which file names may hold, written as escapes: one line stays one line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == " " else repr(char)[1:-1] for char in text)


def first_line(error: BaseException) -> str:
    """The first line of an error of another library, to stand in brackets: no full stop, 200 characters at most.

    OpenVINO begins with the places in its sources.
    """
    lines = (line.strip() for line in str(error).splitlines())
    told = (line for line in lines if line and not re.fullmatch(r"Exception from \S+:\d+:", line))
    return printable(next(told, type(error).__name__)).rstrip(".")[:200]


def fail(name: str, rule: str, value: Any, fix: str = "") -> NoReturn:
    """Raise an `InputError` about the argument `name`."""
    fix = f" {fix}" if fix else ""
    raise InputError(f"`{name}` {rule}. Received: {name}={value!r}.{fix}")


def nearest(value: Any, allowed: Iterable[Any]) -> str:
    """A "Did you mean ...?" sentence for a misspelled option, or the list of options when nothing is close."""
    allowed = [str(option) for option in allowed]
    folded = {option.lower(): option for option in allowed}
    close = difflib.get_close_matches(str(value).lower(), folded, n=1)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    return f"Choose one of: {', '.join(allowed)}."


def one_of(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """`value`, if it is one of `allowed`; otherwise an error that suggests the nearest option."""
    if value not in tuple(allowed):
        fail(name, "is not a known option", value, nearest(value, allowed))
    return value


def integer(name: str, value: Any, minimum: int = 1) -> int:
    """`value` as an int, if it is a whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        fail(name, f"must be an integer of at least {minimum}", value)
    return int(value)


def boolean(name: str, value: Any) -> bool:
    """`value`, if it is True or False."""
    if value is not True and value is not False:
        fail(name, "must be True or False", value)
    return value


def number(name: str, value: Any, minimum: float | None = None, maximum: float | None = None) -> float:
    """`value` as a float, if it is a finite real number inside [minimum, maximum]."""
    low = "-inf" if minimum is None else minimum
    high = "inf" if maximum is None else maximum
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    # Compared as it is: an integer may be too large for a float.
    inside = real and operator.le(float(low), value) and operator.le(value, float(high))
    if not inside or value in (float("inf"), float("-inf")):
        fail(name, f"must be a finite number in [{low}, {high}]", value)
    return float(value)


def open_share(name: str, value: Any) -> float:
    """`value` as a float, when it lies between 0 and 1, both excluded."""
    value = number(name, value)
    if not 0 < value < 1:
        fail(name, "must lie between 0 and 1, both excluded", value)
    return value


def pair(name: str, value: Any, minimum: int = 1) -> tuple[int, int]:
    """`value` as (height, width), from one integer or two."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = (value, value)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        fail(name, "must be one integer or a pair (height, width)", value)
    height, width = value
    return integer(name, height, minimum), integer(name, width, minimum)


def image_shape(name: str, value: Any) -> tuple[int | None, int | None, int]:
    """`value` as (height, width, channels) of an image, where height and width may be None."""
    import keras

    if keras.config.image_data_format() != "channels_last":
        fix = 'Call keras.config.set_image_data_format("channels_last").'
        fail("image_data_format", "must be channels_last", keras.config.image_data_format(), fix)
    if not isinstance(value, (tuple, list)) or len(value) != 3 or value[2] is None:
        fail(name, "must be (height, width, channels), height and width may be None", value)
    height, width, channels = (None if side is None else integer(name, side) for side in value)
    return height, width, int(channels or 0)


def channels_last(value: Any) -> str:
    """`data_format` as "channels_last", the one layout of the package's layers; None for the setting of Keras."""
    import keras

    layout: str = keras.config.image_data_format() if value is None else value
    if one_of("data_format", layout, ("channels_last", "channels_first")) == "channels_first":
        fail(
            "data_format",
            'must be "channels_last"; maps are (batch, height, width, channels) here',
            layout,
            'Transpose before with keras.layers.Permute((2, 3, 1)) and pass data_format="channels_last".',
        )
    return layout


def integers(name: str, value: Any, minimum: int = 1) -> tuple[int, ...]:
    """`value` as a non-empty tuple of ints of at least `minimum`."""
    if isinstance(value, str) or not hasattr(value, "__iter__") or len(value := tuple(value)) == 0:
        fail(name, "must be a non-empty sequence of integers", value)
    return tuple(integer(name, item, minimum) for item in value)


def ignored_classes(value: Any, name: str = "ignore_class") -> tuple[int, ...]:
    """`ignore_class` in its one normal form: a sorted tuple of distinct ints, empty for None.

    Accepts an int or a sequence of ints. Negative ids such as -1 are allowed: they are labels, not classes.
    """
    if value is None:
        return ()
    items = tuple(value) if _holds_several(value) else (value,)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, numbers.Integral):
            fail(name, "must be None, an integer or a sequence of integers", value)
        if not -(2**31) <= item < 2**31:
            fail(name, "must hold labels from -2^31 to 2^31 - 1, as labels are read as int32", item)
    return tuple(sorted({int(item) for item in items}))


def _holds_several(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (str, dict)) and getattr(value, "ndim", 1) == 1


def class_names(value: Any, num_classes: int, name: str = "class_names") -> tuple[str, ...]:
    """`class_names` as a tuple of distinct strings without spaces around them, one per class; ("class_0", ...) for
    None."""
    if value is None:
        return tuple(f"class_{index}" for index in range(num_classes))
    if isinstance(value, (str, bytes, Mapping)):
        fail(name, "must be a sequence of names", value)
    names = tuple(item.strip() if isinstance(item, str) else item for item in value)
    for item in names:
        if not isinstance(item, str) or not item or any(unicodedata.category(letter) in _BREAKS for letter in item):
            fail(name, "must hold names: text of one line that is not empty", value)
    if len(names) != num_classes:
        fail(name, f"must hold {num_classes} names, one for each class", value)
    if len(set(names)) != len(names):
        fail(name, "must not repeat a name", value)
    return names


def optional_import(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency, or raise an error that names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        if error.name is not None and error.name.split(".")[0] != package:
            raise  # The package is installed but broken: its own message helps more than ours.
        raise ImportError(f'{purpose} needs {package}: pip install "keras-seg[{extra}]"') from error
