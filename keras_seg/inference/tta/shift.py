"""Test-time augmentation by moving the image."""

import dataclasses

import keras

from keras_seg import _validation


# Under a name of its own: transforms of `augmentation` bear the plain names.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeShift")
@dataclasses.dataclass(frozen=True, init=False)
class Shift:
    """Predicts the image moved by some pixels as well, for `TestTimeAugmentation`.

    A net that strides sees each pixel at one place of its grid; moved, at another. The image is moved down and to the
    right in a frame that is as many pixels larger, where its mirrored border fills what becomes free: nothing is cut
    off and nothing wraps round, and the inverse, which cuts the frame off the score map, is exact everywhere. There are
    no negative shifts, as for a net of stride S moving up by d is moving down by S - d.

    Args:
        *pixels: integers of at least 1, each of which gives three passes beside the plain one, down, right, and both;
            or pairs (down, right) of integers of at least 0, each of which gives one.

    Raises:
        ValueError: if there are no shifts, or one is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> ks.inference.Shift(8, (0, 4)).offsets
        [(0, 4), (0, 8), (8, 0), (8, 8)]
    """

    pixels: tuple

    def __init__(self, *pixels):
        if not pixels:
            _validation.fail("pixels", "must hold at least one shift", pixels, "For example Shift(8).")
        object.__setattr__(self, "pixels", tuple(_checked(shift) for shift in pixels))

    def __repr__(self):
        return f"Shift({', '.join(map(str, self.pixels))})"

    @property
    def offsets(self):
        """The (down, right) other than none, each once and sorted."""
        found = set()
        for shift in self.pixels:
            found |= {(shift, 0), (0, shift), (shift, shift)} if isinstance(shift, int) else {shift}
        return sorted(found - {(0, 0)})

    def get_config(self):
        """The arguments."""
        return {"pixels": [shift if isinstance(shift, int) else list(shift) for shift in self.pixels]}

    @classmethod
    def from_config(cls, config):
        """The shifts of a config."""
        return cls(*config["pixels"])


def _checked(shift):
    if isinstance(shift, (tuple, list)):
        return _validation.pair("pixels", shift, minimum=0)
    return _validation.integer("pixels", shift)
