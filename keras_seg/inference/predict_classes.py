"""Class ids from a model."""

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.inference.output_kind import check_finite, class_ids, output_kind, sole_output


def predict_classes(model: keras.Model, images: ArrayLike) -> np.ndarray:
    """Predict the class id of every pixel.

    Args:
        model: keras.Model with one output, from `(batch, height, width, channels)` to `(batch, height, width,
            classes)`. One output channel is the score of class 1, which wins above 0.5 for probabilities and above 0
            for logits.
        images: float array (batch, height, width, channels), in the range that the model takes: 0..255 for models with
            preprocessing.

    Returns:
        int32 array (batch, height, width).

    Raises:
        InputError: if the model has several outputs, or its scores hold NaN.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> ks.inference.predict_classes(model, np.zeros((1, 10, 14, 3))).shape
        (1, 10, 14)
    """
    kind = output_kind(model)
    images = np.asarray(images, "float32")
    if images.ndim != 4:
        fix = "Pass images[None] for one image." if images.ndim == 3 else ""
        _validation.fail("images", "must be an array (batch, height, width, channels)", images.shape, fix)
    scores = np.asarray(sole_output(model.predict_on_batch(images)))
    check_finite(scores, "The scores of `model`", allow_infinity=True)
    return class_ids(scores, kind)
