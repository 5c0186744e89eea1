"""Bases of layers whose units read the unit at their own place, or one window."""

from fractions import Fraction
from typing import Any

import keras

from keras_seg.layers.reach import Reaches, reach_of_window


class Pointwise(keras.layers.Layer):
    """A layer that keeps the shape of the map; each unit of the output reads the unit at its own place."""

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return []

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The shape of the input."""
        return input_shape


class Windowed(keras.layers.Layer):
    """A layer each unit of which reads one window, described by `pool_size` and the like as in Keras' poolings."""

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return [reach_of_window(self, axis, size)]
