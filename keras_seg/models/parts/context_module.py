"""The context module: exponentially growing dilation at full resolution."""

from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.initializers import IdentityKernel

# Yu and Koltun 2016, table 1: dilations of the 3x3 convolutions, and widths in multiples of the classes.
_DILATIONS = (1, 1, 2, 4, 8, 16, 1)
_WIDTHS = {"basic": (1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32)}
CONTEXTS = tuple(_WIDTHS)

# What the 3x3 convolutions reach on either side: a receptive field of 67.
REACH = sum(_DILATIONS)


def context_module(x: Tensor, size: str, padding: str) -> Tensor:
    """`x`, a map of class scores, seen in a context of 67x67 of its pixels: layers `context1` to `context8`.

    It starts as the identity on the positive part of `x`: all convolutions except the last are followed by ReLU, and
    negative scores are lost on the first. The "large" module starts with a 32nd of it, by equation 5.

    Args:
        x: tensor. (batch, height, width, classes).
        size: str. `"basic"`, as many filters as classes everywhere; or `"large"`, up to 32 times as many.
        padding: str. `"same"`; or `"valid"` for the authors' way, 33 zeros around the map and none after.

    Returns:
        Tensor of the shape of `x`.
    """
    _validation.one_of("context", size, CONTEXTS)
    classes = x.shape[-1]
    if padding == "valid":
        x = layers.ZeroPadding2D(REACH, name="context_pad")(x)
    # Several channels per class would stay equal without noise; it is small beside the 1 / 32 of the widest layer.
    noise = 0.0 if size == "basic" else 1e-3
    steps = [*zip(_WIDTHS[size], _DILATIONS, strict=True), (1, None)]
    for index, (width, dilation) in enumerate(steps, start=1):
        last = dilation is None
        x = layers.Conv2D(
            classes * width,
            1 if last else 3,
            dilation_rate=dilation or 1,
            padding=padding,
            activation=None if last else "relu",
            kernel_initializer=IdentityKernel(groups=classes, noise=noise, seed=index if noise else None),  # pyright: ignore[reportArgumentType]
            name=f"context{index}",
        )(x)
    return x
