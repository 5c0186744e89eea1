"""Test-time augmentation by other exposures."""

import dataclasses

import keras

from keras_seg import _validation


# Under a name of its own: transforms of `augmentation` bear the plain names.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeBrightness")
@dataclasses.dataclass(frozen=True, init=False)
class Brightness:
    """Predicts the image brighter and darker as well, for `TestTimeAugmentation`.

    The values of the image are multiplied by each factor and not clipped, as their range is not known here. The score
    map stays where it is. The plain image is always among the passes, whether 1 is given or not.

    Args:
        *factors: numbers in [0.01, 100], or one sequence of them.

    Raises:
        ValueError: if there are no factors, or one is not such a number.

    Examples:
        >>> import keras_seg as ks
        >>> ks.inference.Brightness(0.9, 1.1)
        Brightness(0.9, 1.1)
    """

    factors: tuple

    def __init__(self, *factors):
        if len(factors) == 1 and isinstance(factors[0], (list, tuple)):
            factors = tuple(factors[0])
        if not factors:
            fix = "For example Brightness(0.9, 1.1)."
            _validation.fail("factors", "must hold at least one factor", factors, fix)
        checked = tuple(_validation.number("factors", factor, 0.01, 100) for factor in factors)
        object.__setattr__(self, "factors", checked)

    def __repr__(self):
        return f"Brightness({', '.join(f'{factor:g}' for factor in self.factors)})"

    @property
    def gains(self):
        """The factors other than 1, each once and sorted."""
        return sorted(set(self.factors) - {1.0})

    def get_config(self):
        """The arguments."""
        return {"factors": list(self.factors)}

    @classmethod
    def from_config(cls, config):
        """The factors of a config."""
        return cls(*config["factors"])
