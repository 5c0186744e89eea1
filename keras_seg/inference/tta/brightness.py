"""Test-time augmentation by brighter and darker images."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation


# Registered as "TestTime...", because `augmentation` already registers the plain name.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeBrightness")
@dataclasses.dataclass(frozen=True, init=False)
class Brightness:
    """Predicts the image brighter and darker as well, for `TestTimeAugmentation`.

    The values of the image are multiplied by each factor and not clipped, as their range is not known here. The score
    map needs no inverse. The plain image is always a view, also without the factor 1.

    Args:
        *factors: numbers in [0.01, 100], or one sequence of them.

    Raises:
        InputError: if there are no factors, or one is not such a number.

    Examples:
        >>> import keras_seg as ks
        >>> ks.inference.Brightness(0.9, 1.1)
        Brightness(0.9, 1.1)
    """

    factors: tuple[float, ...]

    def __init__(self, *factors: float | Sequence[float]) -> None:
        if len(factors) == 1 and isinstance(factors[0], (list, tuple)):
            factors = tuple(factors[0])
        if not factors:
            fix = "For example Brightness(0.9, 1.1)."
            _validation.fail("factors", "must hold at least one factor", factors, fix)
        checked = tuple(_validation.number("factors", factor, 0.01, 100) for factor in factors)
        object.__setattr__(self, "factors", checked)

    def __repr__(self) -> str:
        return f"Brightness({', '.join(f'{factor:g}' for factor in self.factors)})"

    @property
    def _gains(self) -> list[float]:
        """The distinct factors other than 1, sorted."""
        return sorted(set(self.factors) - {1.0})

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"factors": list(self.factors)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Brightness":
        """The factors of a config."""
        return cls(*config["factors"])
