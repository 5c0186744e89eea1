"""The moving average of the weights, which takes their place at the end of a run."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def take_average(model: keras.Model) -> None:
    """Replace the trained weights by their average, if the optimizer keeps one; Keras' `fit` does so when it ends.

    Args:
        model: compiled keras.Model.
    """
    _optimizer(model).finalize_variable_values(model.trainable_weights)


@contextlib.contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """The model with the average as its weights, which training does not see.

    Args:
        model: compiled keras.Model.
    """
    if not _optimizer(model).use_ema:
        yield
        return
    trained = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.trainable_weights]
    take_average(model)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_weights, trained, strict=True):
            variable.assign(value)


def _optimizer(model: keras.Model) -> Any:
    """The optimizer that keeps the average: with the policy mixed_float16, Keras puts another one around it."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)
