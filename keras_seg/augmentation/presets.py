"""Augmentations of a given strength."""

from typing import Literal

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Size
from keras_seg.augmentation.augmentation import Augmentation, Fill, Interpolation
from keras_seg.augmentation.geometry.elastic import Elastic
from keras_seg.augmentation.geometry.flip import DIRECTIONS, Direction, Flip
from keras_seg.augmentation.geometry.projective import Perspective, Rotate, Scale, Shear
from keras_seg.augmentation.photometric.color import Brightness, Contrast, Gamma, Hue, Saturation
from keras_seg.augmentation.photometric.quality import JPEG, Blur, Noise
from keras_seg.augmentation.random_crop import RandomCrop
from keras_seg.augmentation.transform import Transform

_NAMED = {"light": 1 / 3, "medium": 2 / 3, "strong": 1.0}
Strength = float | Literal["light", "medium", "strong"]


def preset(
    strength: Strength = "medium",
    *,
    crop: RandomCrop | Size | None = None,
    flip: Direction | None = "horizontal",
    color: float | None = None,
    hue: float | None = None,
    rgb: bool = True,
    ignore_class: IgnoreClass = None,
    fill: Fill = None,
    interpolation: Interpolation = "bilinear",
) -> Augmentation:
    """Flip, scale, rotation, shear, perspective, deformation and all photometric transforms, at one strength.

    At strength s: scale (2^-s, 2^s), rotation by 30 s degrees, shear 10 s, perspective 0.2 s, deformation of 10 s
    pixels on half of the images; brightness, contrast and saturation by 0.3 s, hue by 0.03 s of the circle, gamma by
    1 + 0.5 s; each on a fraction 0.3 s of the images: blur to 2 s pixels, noise to 15 s levels, JPEG from quality
    100 - 60 s.

    Args:
        strength: "light", "medium" or "strong" (a third, two thirds, 1), or a float in 0..1; 0 changes nothing except
            flips, crops, and a given `color` or `hue`. Defaults to "medium".
        crop: see `Augmentation`.
        flip: "horizontal", "vertical", "both", or None for none. Defaults to "horizontal".
        color: see `standard`. Defaults to 0.3 times the strength.
        hue: see `standard`. Defaults to 0.03 times the strength.
        rgb: bool. False leaves out saturation, hue and JPEG, for images that are not RGB. Defaults to True.
        ignore_class: see `Augmentation`.
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
    s, rgb = amount(strength), _validation.boolean("rgb", rgb)
    if hue is not None and not rgb:
        _validation.fail("hue", "has no effect with rgb=False", hue)
    color = 0.3 * s if color is None else _validation.number("color", color, 0.0, 1.0)
    hue = 0.03 * s if hue is None else _validation.number("hue", hue, 0.0, 0.5)
    steps: list[Transform] = [*flip_steps(flip)]
    if s:
        steps += [Scale((2.0**-s, 2.0**s)), Rotate(30 * s), Shear(10 * s), Perspective(0.2 * s)]
        steps += [Elastic(10 * s, probability=0.5)]
    steps += [Contrast(color), Brightness(color)] if color else []
    steps += [Saturation(color)] if color and rgb else []
    steps += [Hue(hue)] if hue and rgb else []
    if s:
        rare = 0.3 * s
        steps += [Gamma(1 + 0.5 * s), Blur(2 * s, probability=rare), Noise(15 * s, probability=rare)]
        steps += [JPEG((100 - 60 * s, 100), probability=rare)] if rgb else []
    return Augmentation(steps, crop=crop, ignore_class=ignore_class, fill=fill, interpolation=interpolation)


def amount(strength: Strength) -> float:
    """A number in 0..1 from a name or a number."""
    if isinstance(strength, str):
        return _NAMED[_validation.one_of("strength", strength, _NAMED)]
    return _validation.number("strength", strength, 0.0, 1.0)


def flip_steps(flip: Direction | None) -> list[Flip]:
    """The transforms of an argument `flip`."""
    if flip is None:
        return []
    if flip not in DIRECTIONS:
        fix = "Pass flip=None for none." if flip is False else _validation.nearest(flip, DIRECTIONS)
        _validation.fail("flip", "must be 'horizontal', 'vertical', 'both' or None", flip, fix)
    return [Flip(flip)]
