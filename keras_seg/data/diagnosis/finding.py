"""One thing that a diagnosis found."""

import dataclasses
import itertools
from collections.abc import Collection, Sequence
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
# Most important first.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_EXAMPLES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that `diagnose` found.

    Args:
        severity: "error" if training would stop or learn from wrong labels, "warning" if it probably lowers or inflates
            scores, "note" for a fact worth knowing.
        code: str. The kind of finding, such as "size-differs". The same in every version.
        message: str. One line.
        count: int. How many files, pairs or classes it concerns. Defaults to 1.
        examples: tuple of str. A few of them. Defaults to ().
        fix: str. What to do, one line. Defaults to "".
        repairable: bool. Whether `Diagnosis.repair` fixes it in a copy. Defaults to False.
    """

    severity: Severity
    code: str
    message: str
    count: int = 1
    examples: tuple[str, ...] = ()
    fix: str = ""
    repairable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return {**dataclasses.asdict(self), "examples": list(self.examples)}


def found(severity: Severity, code: str, items: Collection[Any], message: str, *, fix: str = "") -> Finding:
    """A finding about all of `items`, the first of which are its examples.

    Its `code` ends with "*" if it can be repaired.
    """
    return Finding(
        severity=severity,
        code=code.removesuffix("*"),
        message=one_line(message),
        count=len(items),
        examples=tuple(map(one_line, itertools.islice(items, _EXAMPLES))),
        fix=fix,
        repairable=code.endswith("*"),
    )


def one_line(text: Any) -> str:
    """Text without line breaks and control characters, which file names may hold."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)).split())


def listed(items: Sequence[Any], shown: int = 8) -> str:
    """Items separated by commas, the first ones of many."""
    return ", ".join(str(item) for item in items[:shown]) + (", ..." if len(items) > shown else "")


def files(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
