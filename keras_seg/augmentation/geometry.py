"""Geometry as one 3x3 matrix, so that however many steps an augmentation has, pixels are resampled once.

A matrix maps a point of the output to the point of the input it shows, in continuous coordinates (x to the right, y
down, the first pixel covers [0, 1] x [0, 1]). Pixel centres therefore lie at half-integers, and scaling by two needs no
special case.
"""

# No label: float32 holds it exactly, and ids are far from it. Marks the pixels the warp could not fill.
_OUTSIDE = -(2**31)


def _matrix(rows):
    import tensorflow as tf

    return tf.stack([tf.stack([tf.cast(entry, tf.float32) for entry in row]) for row in rows])


def translation(x, y):
    """Matrix of a shift by (`x`, `y`) pixels."""
    return _matrix(((1, 0, x), (0, 1, y), (0, 0, 1)))


def scaling(x, y):
    """Matrix of a multiplication of the coordinates by (`x`, `y`); -1 mirrors."""
    return _matrix(((x, 0, 0), (0, y, 0), (0, 0, 1)))


def compose(*matrices):
    """The matrix that applies `matrices` to an output point one after the other, the first one first."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = matrix @ result
    return result


def resample(image, mask, matrix, output_size, outside=None):
    """Warp an image (bilinear) and its mask (nearest) by one matrix.

    Args:
        image: float32 tensor (height, width, channels).
        mask: integer tensor (height, width).
        matrix: 3x3 float32 tensor that maps output points to input points (see the module's docstring).
        output_size: (height, width) of the result, ints or a tensor.
        outside: what lies outside the image: None repeats the border in image and mask, so that no label is invented;
            an int is the label given to mask pixels that show nothing.

    Returns:
        The image (float32), the mask (int32), and a bool tensor (height, width) that is True where the output shows
        nothing of the input. The image repeats its border there.
    """
    import tensorflow as tf

    # The op counts in pixel indices (the first centre is 0), hence the half pixel on both sides: an unscaled crop at a
    # whole offset then copies pixels exactly, and image and mask stay aligned at every scale.
    matrix = compose(translation(0.5, 0.5), matrix, translation(-0.5, -0.5))
    transform = tf.reshape(matrix, (1, 9))[:, :8]
    shape = tf.cast(tf.stack(output_size), tf.int32)

    def warp(tensor, interpolation, fill_mode):
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tensor[None],
            transforms=transform,
            output_shape=shape,
            fill_value=float(_OUTSIDE),
            interpolation=interpolation,
            fill_mode=fill_mode,
        )[0]

    image = warp(image, "BILINEAR", "NEAREST")
    mask = tf.cast(mask, tf.int32)[..., None]
    if outside is None:
        mask = warp(mask, "NEAREST", "NEAREST")[..., 0]
        return image, mask, tf.zeros_like(mask, tf.bool)
    mask = warp(mask, "NEAREST", "CONSTANT")[..., 0]
    nothing = mask == _OUTSIDE
    return image, tf.where(nothing, outside, mask), nothing
