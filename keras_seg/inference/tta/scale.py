"""Test-time augmentation by other sizes of the image."""

import dataclasses
import fractions
from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation

_LARGEST, _SMALLEST = 16, 1 / 16


# Registered as "TestTime...", because `augmentation` already registers the plain name.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeScale")
@dataclasses.dataclass(frozen=True, init=False)
class Scale:
    """Predicts the image at other sizes as well, for `TestTimeAugmentation`.

    The image is resized bilinearly (half-pixel centers, no antialiasing) to `round(height * factor)` by `round(width *
    factor)` pixels, halves rounded up and at least one, and the score map back to the size of the image. The plain size
    is always a view, also without the factor 1.

    Args:
        *factors: numbers in [1/16, 16], taken as the nearest fraction with a denominator up to 1000; or one
            sequence of them.

    Raises:
        InputError: if there are no factors, or one is not such a number.

    Examples:
        >>> import keras_seg as ks
        >>> ks.inference.Scale(0.75, 1.25)
        Scale(0.75, 1.25)
    """

    factors: tuple[float, ...]

    def __init__(self, *factors: float | Sequence[float]) -> None:
        if len(factors) == 1 and isinstance(factors[0], (list, tuple)):
            factors = tuple(factors[0])
        if not factors:
            _validation.fail("factors", "must hold at least one scale", factors, "For example Scale(0.75, 1.25).")
        checked = tuple(_validation.number("factors", factor, _SMALLEST, _LARGEST) for factor in factors)
        object.__setattr__(self, "factors", checked)

    def __repr__(self) -> str:
        return f"Scale({', '.join(f'{factor:g}' for factor in self.factors)})"

    @property
    def _ratios(self) -> list[tuple[int, int]]:
        """The factors other than 1 as (numerator, denominator), distinct and sorted."""
        found = {fractions.Fraction(factor).limit_denominator(1000).as_integer_ratio() for factor in self.factors}
        return sorted(found - {(1, 1)}, key=lambda ratio: ratio[0] / ratio[1])

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"factors": list(self.factors)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Scale":
        """The scales of a config."""
        return cls(*config["factors"])
