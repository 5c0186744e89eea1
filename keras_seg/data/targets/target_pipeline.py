"""Targets made of masks inside a tf.data pipeline."""

import numpy as np

from keras_seg import _validation


def with_targets(dataset, target):
    """The dataset (image, mask) as (image, target(mask)), mask by mask.

    Args:
        dataset: `tf.data.Dataset` of batches (image, mask), masks (batch, height, width).
        target: callable of an integer array (height, width) that gives an int32 array of that shape.

    Returns:
        `tf.data.Dataset` of (image, int32 (batch, height, width)).
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "targets in a dataset (tf.data)")

    def of_batch(masks):
        return np.stack([target(mask) for mask in masks]).astype("int32")

    def one(image, mask):
        made = tf.numpy_function(of_batch, [mask], tf.int32, stateful=False)
        made.set_shape(mask.shape)
        return image, made

    return dataset.map(one, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
