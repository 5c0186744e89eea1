"""Test-time augmentation by other sizes of the image."""

import dataclasses
import fractions

import keras

from keras_seg import _validation

_LARGEST, _SMALLEST = 16, 1 / 16


# Under a name of its own: transforms of `augmentation` bear the plain names.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeScale")
@dataclasses.dataclass(frozen=True, init=False)
class Scale:
    """Predicts the image at other sizes as well, for `TestTimeAugmentation`.

    The image is resized bilinearly (half-pixel centers, no antialiasing) to `round(height * factor)` by `round(width *
    factor)` pixels, halves upwards and at least one, and the score map back to the size of the image. The plain size
    is always among the passes, whether 1 is given or not.

    Args:
        *factors: numbers in [1/16, 16], taken as the nearest fraction with a denominator up to 1000; or one
            sequence of them.

    Raises:
        ValueError: if there are no factors, or one is not such a number.

    Examples:
        >>> import keras_seg as ks
        >>> ks.inference.Scale(0.75, 1.25)
        Scale(0.75, 1.25)
    """

    factors: tuple

    def __init__(self, *factors):
        if len(factors) == 1 and isinstance(factors[0], (list, tuple)):
            factors = tuple(factors[0])
        if not factors:
            _validation.fail("factors", "must hold at least one scale", factors, "For example Scale(0.75, 1.25).")
        checked = tuple(_validation.number("factors", factor, _SMALLEST, _LARGEST) for factor in factors)
        object.__setattr__(self, "factors", checked)

    def __repr__(self):
        return f"Scale({', '.join(f'{factor:g}' for factor in self.factors)})"

    @property
    def ratios(self):
        """The factors other than 1 as (numerator, denominator), each once and sorted."""
        found = {fractions.Fraction(factor).limit_denominator(1000).as_integer_ratio() for factor in self.factors}
        return sorted(found - {(1, 1)}, key=lambda ratio: ratio[0] / ratio[1])

    def get_config(self):
        """The arguments."""
        return {"factors": list(self.factors)}

    @classmethod
    def from_config(cls, config):
        """The scales of a config."""
        return cls(*config["factors"])
