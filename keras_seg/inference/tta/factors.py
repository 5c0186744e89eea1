"""What the test-time augmentations by factors have in common."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from keras_seg import _validation


@dataclasses.dataclass(frozen=True, init=False, repr=False)
class Factors:
    """Numbers that the image is changed by. A subclass says which are allowed, with an example for its error.

    Args:
        *factors: numbers, or one sequence of them.
    """

    factors: tuple[float, ...]

    _range: ClassVar[tuple[float, float]]
    _what: ClassVar[str]
    _example: ClassVar[str]

    def __init__(self, *factors: float | Sequence[float]) -> None:
        if len(factors) == 1 and isinstance(factors[0], (list, tuple)):
            factors = tuple(factors[0])
        if not factors:
            fix = f"For example {type(self).__name__}({self._example})."
            _validation.fail("factors", f"must hold at least one {self._what}", factors, fix)
        checked = tuple(_validation.number("factors", factor, *self._range) for factor in factors)
        object.__setattr__(self, "factors", checked)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{factor:g}' for factor in self.factors)})"

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"factors": list(self.factors)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The factors of a config."""
        return cls(*config["factors"])
