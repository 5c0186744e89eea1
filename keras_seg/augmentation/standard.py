"""The augmentation that most segmentation papers train with: random scale, crop, flip and color."""

import keras

from keras_seg import _validation
from keras_seg.augmentation import intervals
from keras_seg.augmentation.augmentation import Augmentation
from keras_seg.augmentation.geometry.flip import Flip
from keras_seg.augmentation.geometry.scale import Scale
from keras_seg.augmentation.photometric.brightness import Brightness
from keras_seg.augmentation.photometric.contrast import Contrast
from keras_seg.augmentation.photometric.hue import Hue
from keras_seg.augmentation.photometric.saturation import Saturation
from keras_seg.augmentation.strength import amount

_FLIPS = {False: None, True: "horizontal", "horizontal": "horizontal", "vertical": "vertical", "both": "both"}


@keras.saving.register_keras_serializable("keras_seg")
class StandardAugmentation(Augmentation):
    """Random scale, crop, flip and color of an image together with its mask. See `keras_seg.augmentation.standard`."""

    def __init__(
        self, *, crop=None, scale=(0.5, 2.0), flip=True, color=0.2, hue=0.02, ignore_class=None, image_fill="mean"
    ):
        ignored = _validation.ignored_classes(ignore_class)
        self.scale = intervals.interval("scale", scale, 0.01, 100.0)
        # By type first: 1 == True would otherwise be taken as a flip.
        if not isinstance(flip, (bool, str)) or flip not in _FLIPS:
            _validation.fail("flip", "must be a bool, 'horizontal', 'vertical' or 'both'", flip)
        self.flip = flip
        self.color = _validation.number("color", color, 0.0, 1.0)
        self.hue = _validation.number("hue", hue, 0.0, 0.5)
        if image_fill != "mean":
            image_fill = _validation.number("image_fill", image_fill, 0.0, 255.0)
        self.image_fill = image_fill
        steps = [Flip(_FLIPS[flip])] if flip else []
        # Without a label for "nothing there" the crop must not leave the image.
        steps += [Scale(self.scale, fit=not ignored)] if self.scale != (1.0, 1.0) or not ignored else []
        steps += [Contrast(self.color), Brightness(self.color), Saturation(self.color)] if self.color else []
        steps += [Hue(self.hue)] if self.hue else []
        crop = None if crop is None else _validation.pair("crop", crop)
        super().__init__(steps, crop=crop, ignore_class=ignore_class, fill=image_fill)

    def steps(self, channels):
        """The transforms; of colors only what images without three channels have."""
        return [item for item in self.transforms if channels == 3 or not getattr(item, "needs_color", False)]

    def get_config(self):
        """The constructor's arguments, as JSON types."""
        return {
            "crop": self.crop and list(self.crop),
            "scale": list(self.scale),
            "flip": self.flip,
            "color": self.color,
            "hue": self.hue,
            "ignore_class": list(self.ignore_class) or None,
            "image_fill": self.image_fill,
        }


def standard(
    *, crop=None, scale=None, flip=True, color=None, hue=None, ignore_class=None, image_fill="mean", strength=None
):
    """Joint random scale, crop, flip and color: what most segmentation papers train with.

    The geometry is composed to one transform, so pixels are resampled once: bilinear for the image, nearest for the
    mask, aligned to the half pixel. At scale 1 an image without color change is copied exactly. The mask never holds a
    label it did not hold before, except the first `ignore_class`.

    Args:
        crop: (height, width) of the result in pixels, one int for a square, or None for the size of the image.
        scale: (smallest, largest) factor of the image's size, drawn uniformly in the logarithm; one number fixes it.
            Defaults to (0.5, 2.0), or to what `strength` says.
        flip: True or "horizontal", "vertical", "both", or False.
        color: strength in 0..1 of the change of brightness, contrast and saturation: each is multiplied by a factor in
            [1 - color, 1 + color]. Images without three channels change brightness and contrast only. Defaults to 0.2,
            or to what `strength` says.
        hue: largest turn of the hue as a part of the full circle, 0..0.5. For three channels only. Defaults to 0.02, or
            to what `strength` says.
        ignore_class: label or labels that mark pixels without a class. The first (smallest) one fills what leaves the
            image. With None nothing may be invented: the scale is raised until the crop lies inside the image.
        image_fill: what the image shows outside: "mean" (the image's mean color) or a number in 0..255.
        strength: "light", "medium" or "strong" (a third, two thirds, 1), or a number s in 0..1. Where they are not
            given, scale is (2^(-1.5 s), 2^(1.5 s)), color 0.3 s and hue 0.03 s. None is the same as "medium". For
            rotation and more see `preset`.

    Returns:
        A `StandardAugmentation`: `augment(image, mask, seed)` takes an image (height, width, channels) in 0..255, its
        mask (height, width) and an int or a pair of ints, and gives the image as float32 and the mask as int32, both of
        the size of the crop. It runs in `tf.data` graphs and is a pure function of its arguments. It is an
        `Augmentation`, with all that these take.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import numpy as np
        >>> augment = standard(crop=(32, 48), ignore_class=255)
        >>> image, mask = augment(np.full((40, 60, 3), 100, "uint8"), np.ones((40, 60), "uint8"), seed=(0, 1))
        >>> image.shape, mask.shape
        (TensorShape([32, 48, 3]), TensorShape([32, 48]))
    """
    share = amount("medium" if strength is None else strength)
    scale = (2.0 ** (-1.5 * share), 2.0 ** (1.5 * share)) if scale is None else scale
    color = 0.3 * share if color is None else color
    hue = 0.03 * share if hue is None else hue
    return StandardAugmentation(
        crop=crop, scale=scale, flip=flip, color=color, hue=hue, ignore_class=ignore_class, image_fill=image_fill
    )
