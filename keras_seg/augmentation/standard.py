"""The augmentation that most segmentation papers train with: random scale, crop, flip and color."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Size
from keras_seg.augmentation import intervals
from keras_seg.augmentation.augmentation import Augmentation, Fill
from keras_seg.augmentation.geometry.flip import Direction
from keras_seg.augmentation.geometry.projective import Scale
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.photometric.color import Brightness, Contrast, Hue, Saturation
from keras_seg.augmentation.presets import Strength, amount, flip_steps
from keras_seg.augmentation.random_crop import RandomCrop
from keras_seg.augmentation.transform import Transform


@keras.saving.register_keras_serializable("keras_seg")
class StandardAugmentation(Augmentation):
    """Random scale, crop, flip and color of an image together with its mask. See `keras_seg.augmentation.standard`."""

    def __init__(
        self,
        *,
        crop: RandomCrop | Size | None = None,
        scale: Interval = (0.5, 2.0),
        flip: Direction | None = "horizontal",
        color: float = 0.2,
        hue: float = 0.02,
        ignore_class: IgnoreClass = None,
        fill: Fill = None,
    ) -> None:
        ignored = _validation.ignored_classes(ignore_class)
        if fill is not None and not ignored:
            _validation.fail("fill", "has no effect without an `ignore_class`: the crop stays inside the image", fill)
        self.scale = intervals.interval("scale", scale, 0.01, 100.0)
        self.flip = flip
        self.color = _validation.number("color", color, 0.0, 1.0)
        self.hue = _validation.number("hue", hue, 0.0, 0.5)
        steps: list[Transform] = [*flip_steps(flip)]
        # Without a label for pixels outside, the crop must not leave the image.
        steps += [Scale(self.scale, cover_crop=not ignored)] if self.scale != (1.0, 1.0) or not ignored else []
        steps += [Contrast(self.color), Brightness(self.color), Saturation(self.color)] if self.color else []
        steps += [Hue(self.hue)] if self.hue else []
        super().__init__(steps, crop=crop, ignore_class=ignore_class, fill=fill)

    def _steps(self, channels: int) -> Sequence[Transform]:
        """The transforms, without those that need RGB where images have other channels."""
        return [item for item in self.transforms if channels == 3 or not getattr(item, "_needs_color", False)]

    def _crop_config(self) -> Any:
        crop: Any = self.random_crop
        return crop and (list(crop.size) if crop.classes is None else keras.saving.serialize_keras_object(crop))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON types."""
        return {
            "crop": self._crop_config(),
            "scale": list(self.scale),
            "flip": self.flip,
            "color": self.color,
            "hue": self.hue,
            "ignore_class": list(self.ignore_class) or None,
            "fill": self.fill,
        }


def standard(
    *,
    crop: RandomCrop | Size | None = None,
    scale: Interval | None = None,
    flip: Direction | None = "horizontal",
    color: float | None = None,
    hue: float | None = None,
    ignore_class: IgnoreClass = None,
    fill: Fill = None,
    strength: Strength | None = None,
) -> StandardAugmentation:
    """Joint random scale, crop, flip and color, as most segmentation papers train with.

    The geometry is composed into one transform, so pixels are resampled once: bilinear for the image, nearest for the
    mask, aligned to the half pixel. At scale 1 an image without color change is copied exactly. The mask never gets a
    label that it did not contain before, except the first `ignore_class`.

    Args:
        crop: (height, width) of the result in pixels, one int for a square, a `RandomCrop` that favors rare classes, or
            None for the size of the image. Defaults to None.
        scale: (smallest, largest) factor of the image's size, drawn uniformly in the logarithm; one float fixes it.
            Defaults to None: (2^(-1.5 s), 2^(1.5 s)) at strength s.
        flip: "horizontal", "vertical", "both", or None for none. Defaults to "horizontal".
        color: float in 0..1, of brightness, contrast and saturation: each is multiplied by a factor in [1 - color,
            1 + color]. Images without three channels change brightness and contrast only. Defaults to None: 0.3 s.
        hue: float in 0..0.5, largest rotation of the hue as a fraction of the full circle. For three channels only.
            Defaults to None: 0.03 s.
        ignore_class: int or ints, labels of pixels without a class. The first (smallest) one fills the mask outside the
            image. With None the scale is raised until the crop lies inside the image. Defaults to None.
        fill: content of the image outside its frame, see `Augmentation`; needs an `ignore_class`. Defaults to None: the
            image's mean color.
        strength: "light", "medium" or "strong" (a third, two thirds, 1), or a float s in 0..1. Defaults to None, which
            is "medium": scale (0.5, 2.0), color 0.2 and hue 0.02. For rotation and more see `preset`.

    Returns:
        A `StandardAugmentation`: `augment(image, mask, seed)` takes an image (height, width, channels) in 0..255, its
        mask (height, width) and an int or a pair of ints, and returns the image as float32 and the mask as int32, both
        of the size of the crop. It runs in `tf.data` graphs and is a pure function of its arguments. It is an
        `Augmentation`, with all its methods.

    Raises:
        InputError: an argument is out of its range, or has no effect.

    Examples:
        >>> import numpy as np
        >>> augment = standard(crop=(32, 48), ignore_class=255)
        >>> image, mask = augment(np.full((40, 60, 3), 100, "uint8"), np.ones((40, 60), "uint8"), seed=(0, 1))
        >>> image.shape, mask.shape
        (TensorShape([32, 48, 3]), TensorShape([32, 48]))
    """
    if strength is not None and None not in (scale, color, hue):
        _validation.fail("strength", "has no effect beside `scale`, `color` and `hue`", strength, "Leave it out.")
    share = amount("medium" if strength is None else strength)
    return StandardAugmentation(
        crop=crop,
        scale=(2.0 ** (-1.5 * share), 2.0 ** (1.5 * share)) if scale is None else scale,
        flip=flip,
        color=0.3 * share if color is None else color,
        hue=0.03 * share if hue is None else hue,
        ignore_class=ignore_class,
        fill=fill,
    )
