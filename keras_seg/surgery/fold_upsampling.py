"""Layers that enlarge and convolve as the convolutions they compute, with kernels made once."""

import functools
from typing import Any, Literal

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers import LinearFusion, PixelShuffle2D, UpsampleConv
from keras_seg.layers.upsample_conv import in_half_precision, subpixel_kernel
from keras_seg.surgery.copying import Call, LayerCopies, copy_of, folded
from keras_seg.surgery.plain_fusion import plain_fusion

# Measured on TensorFlow's CPU kernels: 7x7x1280 to 256 channels (46 times as many) takes 4.5 ms instead of 9.3, and
# 14x14x256 to 128 (3.5 times) as long in both forms.
_FAR_MORE = 8


def fold_upsampling(
    model: keras.Model, *, input_size: Size | None = None, subpixel: bool | Literal["deep"] = False
) -> Any:
    """The model with plain layers in place of each `UpsampleConv` and `LinearFusion`: for export, not for training.

    Where its fast form applies, an `UpsampleConv` makes the 4x4 kernel of a transposed convolution from its 3x3 kernel
    at every call. Here that kernel is made once. The layer is replaced by a `Conv2DTranspose` (`{layer}_enlarge`), a
    `Conv2D` (`{layer}_skip`) and an addition (`{layer}_sum`) if it has a skip connection, its normalization
    (`{layer}_norm`) and its activation (`{layer}`). Where the plain form applies the layer stays. A `LinearFusion`,
    which multiplies its kernels at every call, becomes a `Conv2D` for each map (`{layer}_0` and so on), a `ResizeLike`
    for each but the last (`{layer}_0_up`), and an addition (`{layer}`).

    With `subpixel=True` a convolution and a shuffle take the place of the transposed convolution: the map is padded by
    one (`{layer}_around`), convolved 2x2 to four times the channels, one set per pixel of a 2x2 block
    (`{layer}_enlarge`), shuffled (`{layer}_shuffle`) and cropped by one (`{layer}_crop`). The result is the same, and
    except at the border so is the number of multiplications; runtimes with slow transposed convolutions, such as
    LiteRT, become faster. With `subpixel="deep"` only upsamplings of small maps with many channels, whose kernel holds
    far more numbers than the maps, take this form, because TensorFlow rearranges the kernel of a transposed convolution
    at every call. A layer that computes in half precision always takes this form, as it does in the original model.

    Args:
        model: functional `keras.Model`. Nested models are folded too. It is not changed; the result has copies of its
            weights.
        input_size: int or pair of ints (height, width). Size of the result's one image input, with which more
            upsamplings are fast than with an unknown size; None for that of the model. Defaults to None.
        subpixel: bool or `"deep"`. Whether to avoid transposed convolutions, or only those of deep maps. Defaults to
            False.

    Returns:
        A functional `keras.Model` with the inputs and outputs of `model`.

    Raises:
        InputError: if the model is not functional, or `input_size` or `subpixel` is invalid.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> folded = ks.surgery.fold_upsampling(model, input_size=(20, 24))
        >>> any(isinstance(layer, ks.layers.UpsampleConv) for layer in folded.layers), folded.input_shape
        (False, (None, 20, 24, 3))

    Reference: Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016, for `subpixel`.
    """
    _validation.one_of("subpixel", subpixel, (False, True, "deep"))
    return folded(model, functools.partial(upsampling_folding, subpixel=subpixel), input_size=input_size)


def upsampling_folding(
    _: keras.Model, copies: LayerCopies, following: Call, *, subpixel: bool | Literal["deep"]
) -> Call:
    """The `Folding` of `fold_upsampling`."""

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        # By exact type: a subclass may compute something else.
        if type(operation) is UpsampleConv and not kwargs.get("training"):
            x, skip = args[0] if isinstance(args[0], (list, tuple)) else (args[0], None)
            if operation._can_fuse(x, skip):
                shuffled = _is_deep(x, operation.filters) if subpixel == "deep" else subpixel
                shuffled = shuffled or in_half_precision(operation.compute_dtype)
                return _convolutions(copies, operation, x, skip=skip, subpixel=shuffled)
        if type(operation) is LinearFusion:
            return plain_fusion(copies, operation, list(args[0]))
        return following(operation, args, kwargs)

    return call


def _is_deep(x: Tensor, filters: int) -> bool:
    """Whether the kernel of an enlargement holds far more numbers than the maps around it."""
    _, height, width, channels = x.shape
    if None in (height, width):
        return False
    return 16 * channels * filters > _FAR_MORE * height * width * (channels + 4 * filters)


def _convolutions(copies: LayerCopies, layer: UpsampleConv, x: Tensor, *, skip: Tensor, subpixel: bool) -> Tensor:
    """The result of `layer` on `x` and `skip`, computed by layers of Keras."""
    kernel, of_skip = layer._fused_kernels(x.shape[-1])
    # The bias goes to the convolution nearest to the sum, so that runtimes can compute convolution, bias, sum and
    # activation at once.
    bias = [] if layer.bias is None else [layer.bias]
    of_enlarged, of_sum = ([], bias) if skip is not None else (bias, [])
    policy = layer.dtype_policy

    def convolution(name: str, filters: int, size: Any, padding: str, *, use_bias: Any) -> Any:
        arguments = {"use_bias": bool(use_bias), "dtype": policy, "name": f"{layer.name}_{name}"}
        return keras.layers.Conv2D(filters, size, padding=padding, **arguments)

    def transposed() -> Any:
        arguments = {"use_bias": bool(of_enlarged), "dtype": policy, "name": f"{layer.name}_enlarge"}
        return keras.layers.Conv2DTranspose(layer.filters, 4, strides=2, padding="same", **arguments)

    def normalize() -> Any:
        return copy_of(layer.normalize, {"name": f"{layer.name}_norm"})

    def step(key: str, make: Any, inputs: Tensor, weights: Any = ()) -> Any:
        # Copies, because on JAX two variables that share an array would be deleted together.
        arrays = [keras.ops.convert_to_numpy(weight) for weight in weights]
        return copies.call_new(layer, (inputs,), {}, make, weights=lambda: arrays, key=key)

    def plain(name: str, kind: Any, inputs: Tensor, *arguments: Any) -> Any:
        return step(name, lambda: kind(*arguments, dtype=policy, name=f"{layer.name}_{name}"), inputs)

    if subpixel:
        y = plain("around", keras.layers.ZeroPadding2D, x, 1)
        weights = [subpixel_kernel(kernel), *(np.tile(bias, 4) for bias in of_enlarged)]
        # The key is its own: another call of the layer, on a larger map, may take the other form.
        y = step(
            "enlarge by subpixels",
            lambda: convolution("enlarge", 4 * layer.filters, 2, "valid", use_bias=of_enlarged),
            y,
            weights,
        )
        y = plain("shuffle", PixelShuffle2D, y, 2)
        y = plain("crop", keras.layers.Cropping2D, y, 1)
    else:
        y = step("enlarge", transposed, x, [kernel, *of_enlarged])
    if skip is not None:
        of_skip = [of_skip, *of_sum]
        of_skip = step("skip", lambda: convolution("skip", layer.filters, 3, "same", use_bias=of_sum), skip, of_skip)
        y = plain("sum", keras.layers.Add, [y, of_skip])
    if layer.normalize is not None:
        y = step("norm", normalize, y, layer.normalize.get_weights())
    return copies.call_activation(layer, y)
