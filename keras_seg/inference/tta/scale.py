"""Test-time augmentation by other sizes of the image."""

import fractions

import keras

from keras_seg.inference.tta.factors import Factors


# Registered as "TestTime...", because `augmentation` already registers the plain name.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeScale")
class Scale(Factors):
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

    _range = 1 / 16, 16
    _what = "scale"
    _example = "0.75, 1.25"

    @property
    def _ratios(self) -> list[tuple[int, int]]:
        """The factors other than 1 as (numerator, denominator), distinct and sorted."""
        found = {fractions.Fraction(factor).limit_denominator(1000).as_integer_ratio() for factor in self.factors}
        return sorted(found - {(1, 1)}, key=lambda ratio: ratio[0] / ratio[1])
