"""Checks of layers that take a list of maps."""

from typing import Any

from keras_seg import _validation


def is_map_list(input_shape: Any, *lengths: int) -> bool:
    """Whether `input_shape` is a list of shapes (batch, height, width, channels) with one of the `lengths`."""
    nested = isinstance(input_shape, (list, tuple)) and all(isinstance(s, (list, tuple)) for s in input_shape)
    return nested and len(input_shape) in lengths and all(len(shape) == 4 for shape in input_shape)


def check_map_and_like(input_shape: Any) -> None:
    """Fail unless `input_shape` has the shapes of [map, like]."""
    if not is_map_list(input_shape, 2):
        _validation.fail("inputs", "must be the list [map, like] of (batch, height, width, channels)", input_shape)
