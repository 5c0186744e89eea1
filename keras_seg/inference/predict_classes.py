"""Class ids from a model."""

import numpy as np


def predict_classes(model, images):
    """Predict the class id of every pixel.

    Args:
        model: keras.Model from `(batch, height, width, channels)` to `(batch, height, width, classes)`. One output
            channel is read as the probability of class 1.
        images: float array (batch, height, width, channels), what the model takes: 0..255 for models with
            preprocessing.

    Returns:
        Integer array (batch, height, width).

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> ks.inference.predict_classes(model, np.zeros((1, 10, 14, 3))).shape
        (1, 10, 14)
    """
    return class_ids(np.asarray(model.predict_on_batch(np.asarray(images, "float32"))))


def class_ids(scores):
    """The class with the highest score at each pixel; of a single channel, whether it is above 0.5."""
    if scores.shape[-1] == 1:
        return (scores[..., 0] > 0.5).astype("int64")
    return scores.argmax(-1)
