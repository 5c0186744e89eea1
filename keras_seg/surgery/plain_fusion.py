"""LinearFusion as the convolutions it computes, with kernels made once."""

import functools
from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.layers import LinearFusion, ResizeLike
from keras_seg.surgery.copying import LayerCopies


def plain_fusion(copies: LayerCopies, layer: LinearFusion, maps: list[Tensor]) -> Tensor:
    """The result of `layer` on `maps`, computed by layers of Keras.

    They are a `Conv2D` for each map (`{layer}_0` and so on), a `ResizeLike` for all but the last (`{layer}_0_up`), and
    an addition (`{layer}`).
    """
    last, policy = len(maps) - 1, layer.dtype_policy
    kernels, bias = layer.kernels_and_bias()

    def convolution(number: int) -> Any:
        # The bias goes to the last map, which is not resized.
        arguments = {"use_bias": number == last, "dtype": policy, "name": f"{layer.name}_{number}"}
        return keras.layers.Conv2D(layer.filters, 1, **arguments)

    def called(name: str, make: Any, inputs: Any, weights: Any = ()) -> Tensor:
        arrays = [keras.ops.convert_to_numpy(weight) for weight in weights]
        return copies.call_new(layer, (inputs,), {}, make, weights=lambda: arrays, key=name)

    found = []
    for number, (x, kernel) in enumerate(zip(maps, kernels, strict=True)):
        weights = [kernel, bias] if number == last else [kernel]
        y = called(str(number), functools.partial(convolution, number), x, weights)
        if number != last:
            name = f"{layer.name}_{number}_up"
            y = called(f"{number}_up", functools.partial(ResizeLike, dtype=policy, name=name), [y, maps[last]])
        found.append(y)
    if not last:
        return found[0]
    # The finest map first, as in the layer.
    return called("sum", lambda: keras.layers.Add(dtype=policy, name=layer.name), [found[-1], *found[:-1]])
