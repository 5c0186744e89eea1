"""Test-time augmentation by brighter and darker images."""

import keras

from keras_seg.inference.tta.factors import Factors


# Registered as "TestTime...", because `augmentation` already registers the plain name.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeBrightness")
class Brightness(Factors):
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

    _range = 0.01, 100
    _what = "factor"
    _example = "0.9, 1.1"

    @property
    def _gains(self) -> list[float]:
        """The distinct factors other than 1, sorted."""
        return sorted(set(self.factors) - {1.0})
