"""The smallest image that a net can take."""

import keras

from keras_seg import _validation


def check_minimum(shape, minimum, why):
    """Fail unless both sides of an image (height, width, channels) are at least `minimum`; None passes."""
    if any(side is not None and side < minimum for side in shape[:2]):
        nearest = tuple(None if side is None else max(side, minimum) for side in shape[:2])
        _validation.fail(
            "input_shape", f"must have sides of at least {minimum}, {why}", tuple(shape), f"Nearest: {nearest}."
        )


@keras.saving.register_keras_serializable("keras_seg")
class MinimumSize(keras.layers.Layer):
    """Lets images through that are large enough, and fails on others where the size is known.

    Args:
        minimum: int. Pixels of a side.
        why: str, for the error: the end of "must have sides of at least 193, ...".
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if a side is too small; the nearest size that is not gets named.

    Example:
        >>> MinimumSize(193, "or nothing is left")(keras.Input((224, 224, 3))).shape
        (None, 224, 224, 3)
    """

    def __init__(self, minimum, why, **kwargs):
        super().__init__(**kwargs)
        self.minimum = _validation.integer("minimum", minimum)
        self.why = why

    def call(self, inputs):
        check_minimum(inputs.shape[1:], self.minimum, self.why)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "minimum": self.minimum, "why": self.why}
