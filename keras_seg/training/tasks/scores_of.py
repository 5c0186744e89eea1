"""What a net says of one image."""

import numpy as np


def scores_of(model, image):
    """The map of scores (height, width, channels) of an image (height, width, channels)."""
    return np.asarray(model.predict_on_batch(image[None].astype("float32")))[0]
