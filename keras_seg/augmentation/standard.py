"""The augmentation that most segmentation papers train with: random scale, crop, flip and colour."""

import math

import keras

from keras_seg import _validation
from keras_seg.augmentation import geometry

_FLIPS = {False: (), True: ("x",), "horizontal": ("x",), "vertical": ("y",), "both": ("x", "y")}

# Luma weights of ITU-R BT.601, the grey that saturation is measured against.
_LUMA = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable("keras_seg")
class StandardAugmentation:
    """Random scale, crop, flip and colour of an image together with its mask. See `keras_seg.augmentation.standard`."""

    def __init__(
        self, crop=None, scale=(0.5, 2.0), flip=True, color=0.2, hue=0.02, ignore_class=None, image_fill="mean"
    ):
        self.crop = None if crop is None else _validation.pair("crop", crop)
        ends = scale if isinstance(scale, (tuple, list)) else (scale, scale)
        if len(ends) != 2:
            _validation.fail("scale", "must be one number or a pair (smallest, largest)", scale)
        self.scale = tuple(_validation.number("scale", end, 0.01, 100.0) for end in ends)
        if self.scale[0] > self.scale[1]:
            _validation.fail("scale", "must be given as (smallest, largest)", scale)
        # By type first: 1 == True would otherwise be taken as a flip.
        if not isinstance(flip, (bool, str)) or flip not in _FLIPS:
            _validation.fail("flip", "must be a bool, 'horizontal', 'vertical' or 'both'", flip)
        self.flip = flip
        self.color = _validation.number("color", color, 0.0, 1.0)
        self.hue = _validation.number("hue", hue, 0.0, 0.5)
        self.ignore_class = _validation.ignored_classes(ignore_class)
        if image_fill != "mean":
            image_fill = _validation.number("image_fill", image_fill, 0.0, 255.0)
        self.image_fill = image_fill

    def __call__(self, image, mask, seed):
        """Augment one image and its mask.

        Args:
            image: tensor (height, width, channels), values 0..255.
            mask: integer tensor (height, width).
            seed: an int, or a pair of ints. The same seed gives the same result.

        Returns:
            The image, float32 (crop_height, crop_width, channels) in 0..255, and the mask, int32 (crop_height,
            crop_width).
        """
        # A plain import: tf.data rewrites this function, and importlib cannot be rewritten.
        try:
            import tensorflow as tf
        except ImportError:
            tf = _validation.optional_import("tensorflow", "tensorflow", "augmentation")
        image = tf.cast(tf.convert_to_tensor(image), tf.float32)
        mask = tf.convert_to_tensor(mask)
        static = self.crop or image.shape[:2]
        seed = tf.cast(seed, tf.int64)
        seed = tf.stack([seed, 0]) if seed.shape.rank == 0 else seed
        # All draws at once: one op instead of nine for every image.
        draws = tf.unstack(tf.random.stateless_uniform((9,), seed))
        matrix, size = self._geometry(tf, tf.shape(image)[:2], draws[:5])
        image_mean = tf.reduce_mean(image, axis=(0, 1))
        outside = self.ignore_class[0] if self.ignore_class else None
        image, mask, nothing = geometry.resample(image, mask, matrix, size, outside)
        if outside is not None:
            fill = image_mean if self.image_fill == "mean" else self.image_fill
            image = tf.where(nothing[..., None], fill, image)
        image = self._recolor(tf, image, image_mean, draws[5:])
        image.set_shape((*static, image.shape[-1]))
        mask.set_shape(static)
        return image, mask

    def _geometry(self, tf, input_size, draws):
        """The matrix from output to input points, and the output size."""
        height, width = tf.unstack(tf.cast(input_size, tf.float32))
        crop_height, crop_width = (float(s) for s in self.crop) if self.crop else (height, width)
        # Uniform in the logarithm: halving is as likely as doubling.
        low, high = (math.log(end) for end in self.scale)
        scale = tf.exp(low + draws[0] * (high - low)) if low != high else tf.constant(self.scale[0])
        if not self.ignore_class:
            # There is no label for "nothing there", so the crop must not leave the image.
            scale = tf.maximum(scale, tf.maximum(crop_height / height, crop_width / width))
        flips = _FLIPS[self.flip]
        steps = [
            geometry.translation(
                _offset(tf, width * scale - crop_width, draws[1]), _offset(tf, height * scale - crop_height, draws[2])
            ),
            geometry.scaling(1.0 / scale, 1.0 / scale),
        ]
        mirror_x = "x" in flips and draws[3] < 0.5
        mirror_y = "y" in flips and draws[4] < 0.5
        if flips:
            sign_x, sign_y = tf.where(mirror_x, -1.0, 1.0), tf.where(mirror_y, -1.0, 1.0)
            steps = [
                geometry.scaling(sign_x, sign_y),
                geometry.translation(tf.where(mirror_x, crop_width, 0.0), tf.where(mirror_y, crop_height, 0.0)),
                *steps,
            ]
        return geometry.compose(*steps), self.crop or input_size

    def _recolor(self, tf, image, mean, draws):
        """Brightness, contrast and, for three channels, saturation and hue: one matrix product and one addition."""
        if self.color == 0.0 and (self.hue == 0.0 or image.shape[-1] != 3):
            return tf.clip_by_value(image, 0.0, 255.0)
        brightness, contrast, saturation = (1.0 + self.color * (2.0 * draw - 1.0) for draw in draws[:3])
        # (x - mean) * contrast + mean, all times the brightness.
        shift = mean * (1.0 - contrast) * brightness
        if image.shape[-1] != 3:
            return tf.clip_by_value(image * (contrast * brightness) + shift, 0.0, 255.0)
        luma = tf.constant(_LUMA)[:, None] * tf.ones((1, 3))
        angle = (2.0 * math.pi * self.hue) * (2.0 * draws[3] - 1.0)
        # Hue turns the colour about the grey axis (Rodrigues' formula); grey stays where it is.
        axis = 1.0 / math.sqrt(3.0)
        cross = tf.constant([[0.0, axis, -axis], [-axis, 0.0, axis], [axis, -axis, 0.0]])
        turn = tf.cos(angle) * tf.eye(3) + tf.sin(angle) * cross + (1.0 - tf.cos(angle)) / 3.0
        matrix = turn @ (saturation * tf.eye(3) + (1.0 - saturation) * luma) * (contrast * brightness)
        return tf.clip_by_value(tf.linalg.matmul(image, matrix) + shift, 0.0, 255.0)

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

    @classmethod
    def from_config(cls, config):
        """The augmentation that `get_config` described."""
        return cls(**config)


def _offset(tf, room, draw):
    """A whole number of pixels between 0 and `room`, which is negative where the image is smaller than the crop.

    Whole, so that an unscaled crop copies pixels instead of blurring them.
    """
    most = tf.floor(tf.abs(room) + 1e-3)
    return tf.sign(room) * tf.minimum(tf.floor(draw * (most + 1.0)), most)


def standard(crop=None, scale=(0.5, 2.0), flip=True, color=0.2, hue=0.02, ignore_class=None, image_fill="mean"):
    """Joint random scale, crop, flip and colour: what most segmentation papers train with.

    The geometry is composed to one transform, so pixels are resampled once: bilinear for the image, nearest for the
    mask, aligned to the half pixel. At scale 1 an image without colour change is copied exactly. The mask never holds a
    label it did not hold before, except the first `ignore_class`.

    Args:
        crop: (height, width) of the result in pixels, one int for a square, or None for the size of the image.
        scale: (smallest, largest) factor of the image's size, drawn uniformly in the logarithm; one number fixes it.
        flip: True or "horizontal", "vertical", "both", or False.
        color: strength in 0..1 of the change of brightness, contrast and saturation: each is multiplied by a factor in
            [1 - color, 1 + color]. Images without three channels change brightness and contrast only.
        hue: largest turn of the hue as a part of the full circle, 0..0.5. For three channels only.
        ignore_class: label or labels that mark pixels without a class. The first (smallest) one fills what leaves the
            image. With None nothing may be invented: the scale is raised until the crop lies inside the image.
        image_fill: what the image shows outside: "mean" (the image's mean colour) or a number in 0..255.

    Returns:
        A `StandardAugmentation`: `augment(image, mask, seed)` takes an image (height, width, channels) in 0..255, its
        mask (height, width) and an int or a pair of ints, and gives the image as float32 and the mask as int32, both of
        the size of the crop. It runs in `tf.data` graphs and is a pure function of its arguments.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import numpy as np
        >>> augment = standard(crop=(32, 48), ignore_class=255)
        >>> image, mask = augment(np.full((40, 60, 3), 100, "uint8"), np.ones((40, 60), "uint8"), seed=(0, 1))
        >>> image.shape, mask.shape
        (TensorShape([32, 48, 3]), TensorShape([32, 48]))
    """
    return StandardAugmentation(crop, scale, flip, color, hue, ignore_class, image_fill)
