"""Turning by quarters."""

import keras

from keras_seg.augmentation.geometry.step import GeometricStep, matrix_of


@keras.saving.register_keras_serializable("keras_seg")
class Rotate90(GeometricStep):
    """Turn by 0, 90, 180 or 270 degrees, each as likely: an exact permutation of the pixels.

    The picture's sides change places. With a crop that is all there is to it; without, the result keeps the size of the
    input, and of images that are not square it shows the middle part.

    Args:
        probability: 0..1 of drawing a quarter at all. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Rotate90()
        Rotate90(probability=1.0)
    """

    draws = 1
    whole_pixels = True

    def __init__(self, probability=1.0):
        super().__init__(probability)

    def plan(self, ops, draws, frame):
        """See `GeometricStep`."""
        quarter = ops.minimum(ops.floor(draws[:, 1] * 4.0), 3.0)
        quarter = ops.where(self.active(draws), quarter, 0.0)
        # Exact, as the cosine of a float32 pi / 2 is not.
        cos = ops.where(quarter == 0.0, 1.0, ops.where(quarter == 2.0, -1.0, 0.0))
        sin = ops.where(quarter == 1.0, 1.0, ops.where(quarter == 3.0, -1.0, 0.0))
        turned = ops.abs(sin) > 0.5
        after = frame._replace(
            width=ops.where(turned, frame.height, frame.width), height=ops.where(turned, frame.width, frame.height)
        )
        return matrix_of(ops, ((cos, sin, 0), (-sin, cos, 0), (0, 0, 1))), after
