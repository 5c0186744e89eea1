"""The memory that a training step needs for the outputs of the layers."""

import math
from typing import Any

import keras

from keras_seg._graph import image_graph, replay_opened
from keras_seg._types import Tensor


def activation_megabytes(model: keras.Model, height: int, width: int) -> float:
    """What all layers give for one image of a size, as float32, in MiB: kept in training until the gradients are known.

    An upper bound, as backends fuse layers and work in place where they can.
    """
    graph = image_graph(model)
    image, total = graph.inputs[0], 0

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        nonlocal total
        outputs = operation.compute_output_spec(*args, **kwargs)
        total += sum(math.prod(tensor.shape[1:]) for tensor in keras.tree.flatten(outputs))
        return outputs

    replay_opened(graph, keras.KerasTensor((1, height, width, image.shape[-1]), dtype=image.dtype), call)
    return round(4 * total / 2**20, 1)
