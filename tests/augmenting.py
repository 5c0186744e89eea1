"""Augmentations run on given draws, on the backend of Keras or on TensorFlow as in `tf.data`."""

import functools

import keras
import numpy as np

from keras_seg.augmentation import Augmentation
from keras_seg.augmentation.keras_ops import ops_of_keras
from keras_seg.augmentation.numpy_ops import ops_on_numpy
from keras_seg.augmentation.tensorflow_ops import ops_on_tensorflow


def draws_for(augment, count, seed=0):
    """Uniform draws like those of the augmentation, from NumPy."""
    return np.random.default_rng(seed).random((count, augment._draws)).astype("float32")


def no_noise(shape):
    raise AssertionError("no transform here needs normal numbers")


def apply(augment, batch, draws=None, seed=0, path="keras", random=no_noise):
    """The results of `Augmentation._apply` as NumPy arrays, for arrays (batch, height, width[, channels])."""
    if not isinstance(augment, Augmentation):
        augment = Augmentation(augment, ignore_class=255)
    batch = {key: x if x.ndim == 4 else x[..., None] for key, x in batch.items()}
    draws = draws_for(augment, len(batch["image"]), seed) if draws is None else np.asarray(draws, "float32")
    ops = {"keras": ops_of_keras, "numpy": ops_on_numpy, "tensorflow": ops_on_tensorflow}[path]()
    tensors = {key: ops.convert_to_tensor(x) for key, x in batch.items()}
    run = functools.partial(augment._apply, ops, random=random)
    if path == "keras" and keras.backend.backend() == "jax":
        import jax

        run = jax.jit(run)  # As in a model, and faster than compiling operation by operation.
    results = run(tensors, ops.convert_to_tensor(draws))
    results = {key: np.asarray(keras.ops.convert_to_numpy(x) if path == "keras" else x) for key, x in results.items()}
    return {key: x if key == "image" else x[..., 0] for key, x in results.items()}


def coordinates(count, height, width):
    """A batch whose maps hold the position of each pixel: its number, in the image in three channels."""
    rows, columns = np.mgrid[:height, :width]
    number = rows * width + columns
    images = np.stack([columns, rows, number % 251], -1).astype("float32")
    return {
        "image": np.stack([images] * count),
        "mask": np.stack([number] * count).astype("int32"),
        "weight": np.stack([number + 0.5] * count).astype("float32"),
        "instances": np.stack([number + 1] * count).astype("int32"),
    }
