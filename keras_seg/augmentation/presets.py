"""Augmentations of a given strength."""

from keras_seg import _validation
from keras_seg.augmentation.augmentation import Augmentation
from keras_seg.augmentation.geometry.elastic import Elastic
from keras_seg.augmentation.geometry.flip import Flip
from keras_seg.augmentation.geometry.perspective import Perspective
from keras_seg.augmentation.geometry.rotate import Rotate
from keras_seg.augmentation.geometry.scale import Scale
from keras_seg.augmentation.geometry.shear import Shear
from keras_seg.augmentation.photometric.blur import Blur
from keras_seg.augmentation.photometric.brightness import Brightness
from keras_seg.augmentation.photometric.contrast import Contrast
from keras_seg.augmentation.photometric.gamma import Gamma
from keras_seg.augmentation.photometric.hue import Hue
from keras_seg.augmentation.photometric.jpeg import JPEG
from keras_seg.augmentation.photometric.noise import Noise
from keras_seg.augmentation.photometric.saturation import Saturation
from keras_seg.augmentation.strength import amount


def preset(
    strength="medium",
    *,
    crop=None,
    ignore_class=None,
    flip="horizontal",
    color=True,
    fill=None,
    interpolation="bilinear",
):
    """Flip, scale, rotation, shear, perspective, deformation and all photometric transforms, as strong as asked for.

    At strength s: scale (2^-s, 2^s), rotation by 30 s degrees, shear 10 s, tilt 0.2 s, deformation of 10 s pixels on
    half of the images; brightness, contrast and saturation by 0.3 s, hue by 0.03 s of the circle, gamma by 1 + 0.5 s;
    each on a part 0.3 s of the images: blur to 2 s pixels, noise to 15 s levels, JPEG from quality 100 - 60 s.

    Args:
        strength: "light", "medium" or "strong" (a third, two thirds, 1), or a number in 0..1; 0 changes nothing but
            flips and crops. Defaults to "medium".
        crop: see `Augmentation`.
        ignore_class: see `Augmentation`.
        flip: "horizontal", "vertical", "both" or False. Defaults to "horizontal".
        color: False leaves out saturation, hue and JPEG, for images that are not RGB. Defaults to True.
        fill: see `Augmentation`.
        interpolation: see `Augmentation`.

    Returns:
        An `Augmentation`.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> augment = ks.augmentation.preset("light", crop=256, ignore_class=11)
        >>> augment.transforms[2]
        Rotate(angle=[-10.0, 10.0], probability=1.0)
    """
    s, color = amount(strength), _validation.boolean("color", color)
    steps = [Flip("horizontal" if flip is True else flip)] if flip else []
    if s:
        rare = 0.3 * s
        steps += [Scale((2.0**-s, 2.0**s)), Rotate(30 * s), Shear(10 * s), Perspective(0.2 * s)]
        steps += [Elastic(10 * s, probability=0.5), Contrast(0.3 * s), Brightness(0.3 * s)]
        steps += [Saturation(0.3 * s), Hue(0.03 * s)] if color else []
        steps += [Gamma(1 + 0.5 * s), Blur(2 * s, probability=rare), Noise(15 * s, probability=rare)]
        steps += [JPEG((100 - 60 * s, 100), probability=rare)] if color else []
    return Augmentation(steps, crop=crop, ignore_class=ignore_class, fill=fill, interpolation=interpolation)
