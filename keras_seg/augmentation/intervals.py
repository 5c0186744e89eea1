"""Arguments that set how large a change may be."""

from collections.abc import Sequence
from typing import Any

from keras_seg import _validation

# One number, or (smallest, largest).
Interval = float | Sequence[float]


def interval(name: str, value: Any, minimum: float | None = None, maximum: float | None = None) -> tuple[float, float]:
    """(smallest, largest) from two ordered numbers, or from one that fixes both."""
    ends = value if isinstance(value, (tuple, list)) else (value, value)
    if len(ends) != 2:
        _validation.fail(name, "must be one number or a pair (smallest, largest)", value)
    low, high = (_validation.number(name, end, minimum, maximum) for end in ends)
    if low > high:
        _validation.fail(name, "must be given as (smallest, largest)", value)
    return low, high


def symmetric(name: str, value: Any, maximum: float) -> tuple[float, float]:
    """(smallest, largest) from two ordered numbers, or (-value, value) from one."""
    if isinstance(value, (tuple, list)):
        return interval(name, value, -maximum, maximum)
    value = _validation.number(name, value, 0.0, maximum)
    return (-value, value)


def up_to(name: str, value: Any, minimum: float = 0.0, maximum: float | None = None) -> tuple[float, float]:
    """(smallest, largest) from two ordered numbers, or (`minimum`, value) from one."""
    if isinstance(value, (tuple, list)):
        return interval(name, value, minimum, maximum)
    return (minimum, _validation.number(name, value, minimum, maximum))


def reciprocal(name: str, value: Any) -> tuple[float, float]:
    """(smallest, largest) factor from two ordered numbers, or (1 / value, value) from one."""
    if not isinstance(value, (tuple, list)):
        value = _validation.number(name, value, 0.01, 100.0)
        value = (min(value, 1.0 / value), max(value, 1.0 / value))
    return interval(name, value, 0.01, 100.0)


def between(span: tuple[float, float], draw: Any) -> Any:
    """The number that a uniform `draw` in [0, 1) picks from `span`."""
    return span[0] + draw * (span[1] - span[0])
