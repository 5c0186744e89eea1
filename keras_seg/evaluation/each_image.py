"""Going through the examples of an index in batches of equal size."""

import numpy as np

from keras_seg import _validation
from keras_seg.evaluation.equal_sizes import examples_of_equal_size


def each_prediction(model, index, channels, *, batch_size, on_image=None):
    """(position, labels, probabilities) of every example.

    Args:
        model: keras.Model that gives probabilities (batch, height, width, channels) at any size.
        index: a `FolderIndex` or an `InstanceIndex`.
        channels: int, how many channels the model must give.
        batch_size: int, images of equal size predicted together.
        on_image: called with the number of images done, or None.

    Raises:
        InputError: the model has another number of channels.
    """
    if model.output_shape[-1] != channels:
        found = f"a model of {model.output_shape[-1]} channels"
        _validation.fail("model", f"must give {channels} channels", found, "Train a model for this task.")
    done = 0
    for positions, images, truths in examples_of_equal_size(index, batch_size):
        predictions = np.asarray(model.predict_on_batch(images))
        yield from zip(positions, truths, predictions, strict=True)
        done += len(positions)
        if on_image is not None:
            on_image(done)
