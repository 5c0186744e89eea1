"""The options of quantization, and the images that ranges are measured on."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg.export.tflite.quantization import CALIBRATED, QUANTIZATIONS

_MOST_IMAGES = 200
_INPUTS = ("float32", "uint8", "int8")
# How far cubic interpolation goes beyond 0..255, which is clipped, at most.
_OVERSHOOT = 32.0
# Normalized values rarely leave -5..5.
_LARGEST_NORMALIZED = 10.0


def check(
    quantize: str | None,
    *,
    input: str,
    size: tuple[int | None, int | None],
    representative: Iterable[Any] | None,
    float_layers: Sequence[str] = (),
) -> None:
    """Fail unless the options fit one another."""
    _validation.one_of("quantize", quantize, QUANTIZATIONS)
    _validation.one_of("input", input, _INPUTS)
    if input == "int8" and quantize != "int8":
        _validation.fail("input", 'may be "int8" with quantize="int8" only', input, 'Pass input="uint8".')
    if quantize == "int16x8" and input != "float32":
        _validation.fail("input", 'must be "float32" with quantize="int16x8"', input)
    if quantize in CALIBRATED and representative is None:
        fix = "Pass about a hundred training images, or the dataset you train on."
        _validation.fail("representative", f'must be given for quantize="{quantize}"', None, fix)
    if quantize not in CALIBRATED and representative is not None:
        _validation.fail("representative", 'is for quantize="int8" and "int16x8"', type(representative).__name__)
    if quantize in CALIBRATED and None in size:
        rule = f'must be fixed for quantize="{quantize}", whose ranges are measured at one size'
        _validation.fail("input_size", rule, tuple(size), "For example (256, 256).")
    if quantize != "int8" and len(float_layers):
        fix = 'Drop it, or pass quantize="int8".'
        _validation.fail("float_layers", 'is for quantize="int8"', float_layers, fix)


def representative_images(given: Iterable[Any], size: tuple[int | None, int | None], channels: int) -> list[np.ndarray]:
    """The images that ranges are measured on: a list of float32 (1, height, width, channels), 0..255.

    Args:
        given: array (n, height, width, channels), or an iterable of images, of batches of images, or of
            (images, masks), such as a dataset. At most two hundred images are taken, and resized to `size`.
        size: (height, width) of the file's input.
        channels: int.

    Raises:
        InputError: there is no image, one has another shape, or their values are on another scale.
    """
    import tensorflow as tf

    found, ranges = [], []
    for image in itertools.islice(_single_images(given), _MOST_IMAGES):
        if image.ndim != 3 or image.shape[-1] != channels:
            rule = f"must hold images (height, width, {channels})"
            _validation.fail("representative", rule, tuple(image.shape))
        if image.shape[:2] != tuple(size):
            image = tf.image.resize(image, size, antialias=True).numpy()
        ranges.append((float(image.min()), float(image.max())))
        found.append(np.clip(image, 0, 255).astype("float32")[None])
    if not found:
        _validation.fail("representative", "must hold at least one image", "none")
    _check_scale(float(np.min(ranges)), float(np.max(ranges)))
    # An integer input is scaled by the range that was seen: with 0..255 the scale is 1, and pixel values are unchanged.
    found[0][0, 0, 0] = 0.0
    found[0][0, -1, -1] = 255.0
    return found


def _check_scale(low: float, high: float) -> None:
    """Fail for values on another scale than 0..255: once clipped, they would give the ranges of other images."""
    fix = 'Pass raw values, before any normalization. Without such images, quantize="float16" or "dynamic" is left.'
    if low >= 0 and high <= 1:
        fix = "Multiply them by 255: models take raw values."
    elif low >= -_OVERSHOOT and high <= 255 + _OVERSHOOT and (low >= 0 or high > _LARGEST_NORMALIZED):
        return
    _validation.fail("representative", "must hold images of values 0..255", f"{low:.3g} to {high:.3g}", fix)


def _single_images(given: Iterable[Any]) -> Iterator[np.ndarray]:
    for item in given:
        images = np.asarray(item[0] if isinstance(item, (tuple, list)) else item)
        yield from images if images.ndim == 4 else [images]
