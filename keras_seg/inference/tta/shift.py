"""Test-time augmentation by shifted images."""

import dataclasses
from typing import Any

import keras

from keras_seg import _validation


# Registered as "TestTime...", because `augmentation` already registers the plain name.
@keras.saving.register_keras_serializable("keras_seg", name="TestTimeShift")
@dataclasses.dataclass(frozen=True, init=False)
class Shift:
    """Predicts the image moved by some pixels as well, for `TestTimeAugmentation`.

    A model with strides has a grid, and a shift changes the position of each pixel on it. The image is moved down and
    to the right in a frame that is as many pixels larger and is filled by mirroring: no pixel is cut off or wrapped
    around, and the inverse, which cuts the frame off the score map, is exact everywhere. Negative shifts are not
    needed: for a model of stride S, a shift up by d equals a shift down by S - d.

    Args:
        *pixels: int of at least 1, three views each: down, right, and both; or pair (down, right) of ints of at least
            0, one view each. The plain image is always a view too.

    Raises:
        InputError: if there are no shifts, or one is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> ks.inference.TestTimeAugmentation(model, ks.inference.Shift(8, (0, 4))).passes  # plain, 3 and 1
        5
    """

    pixels: tuple[int | tuple[int, int], ...]

    def __init__(self, *pixels: int | tuple[int, int]) -> None:
        if not pixels:
            _validation.fail("pixels", "must hold at least one shift", pixels, "For example Shift(8).")
        object.__setattr__(self, "pixels", tuple(_checked(shift) for shift in pixels))

    def __repr__(self) -> str:
        return f"Shift({', '.join(map(str, self.pixels))})"

    @property
    def _offsets(self) -> list[tuple[int, int]]:
        """The distinct (down, right) other than (0, 0), sorted."""
        found = set()
        for shift in self.pixels:
            found |= {(shift, 0), (0, shift), (shift, shift)} if isinstance(shift, int) else {shift}
        return sorted(found - {(0, 0)})

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"pixels": [shift if isinstance(shift, int) else list(shift) for shift in self.pixels]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Shift":
        """The shifts of a config."""
        return cls(*config["pixels"])


def _checked(shift: Any) -> int | tuple[int, int]:
    if isinstance(shift, (tuple, list)):
        return _validation.pair("pixels", shift, minimum=0)
    return _validation.integer("pixels", shift)
