"""Normalization of each channel by the energy of its neighbors."""

import math
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.layers.reach_bases import Pointwise


@keras.saving.register_keras_serializable("keras_seg")
class LocalResponseNormalization(Pointwise):
    """Divides each channel by a power of the mean square of the channels around it.

    `y_c = x_c / (bias + alpha / size * sum(x_j ** 2)) ** beta`,

    where the sum is over the `size` channels centered on channel c, and channels beyond the ends are zero.

    This is the definition of Caffe and of `torch.nn.LocalResponseNorm`, whose `k` is `bias` here.
    `tf.nn.local_response_normalization` does not divide by the size: pass it `alpha / size`, and `size // 2` as its
    `depth_radius`.

    The arithmetic is float32 under every dtype policy, because squares of raw pixel values exceed float16; only the
    result is cast to the policy's compute dtype.

    Args:
        size: odd int. Number of channels per sum. Defaults to 5.
        alpha: float, at least 0. Weight of the mean square. Defaults to 1e-4.
        beta: float. Exponent. Defaults to 0.75.
        bias: positive float. Added to the weighted mean square. Defaults to 1.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(..., channels)`, any dtype.

    Output shape: that of the input.

    Raises:
        InputError: if an argument is invalid.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> layer = ks.layers.LocalResponseNormalization(size=3, alpha=3.0, beta=1.0)
        >>> np.array(layer(np.array([[1.0, 1.0, 0.0, 0.0]]))).tolist()  # 1 / (1 + 1 + 1), twice
        [[0.3333333432674408, 0.3333333432674408, 0.0, 0.0]]

    Reference: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS
        2012, section 3.3, where alpha is not divided by the size.
    """

    def __init__(
        self, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, **kwargs: Any
    ) -> None:
        # Without autocast: float16 would round raw pixel values that are not whole.
        super().__init__(**{**kwargs, "autocast": False})
        self.size = _validation.integer("size", size)
        if self.size % 2 == 0:
            _validation.fail("size", "must be odd, so that a channel is in the middle", size, f"Pass {self.size + 1}.")
        self.alpha = _validation.number("alpha", alpha, 0)
        self.beta = _validation.number("beta", beta)
        self.bias = _validation.number("bias", bias, 0)
        if self.bias == 0:
            _validation.fail("bias", "must be positive, or black pixels would be divided by zero", bias)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, "float32")
        weight = self.alpha / self.size
        # By a power of two, which rounds nothing: GPUs of phones compute in float16, which the squares of raw pixel
        # values exceed.
        scale = 2.0 ** round(math.log2(weight) / 2) if weight else 1.0
        scaled = scale * x
        energy = self._sums(scaled * scaled)
        return ops.cast(x * ops.power(self.bias + weight / scale**2 * energy, -self.beta), self.compute_dtype)

    def _sums(self, x: Tensor) -> Tensor:
        """The sums over each channel's neighbors."""
        channels, half = x.shape[-1], self.size // 2
        if half >= channels - 1:  # Every channel is near every other, as for the colors of an image.
            # Not `ops.sum`: TFLite's 16-bit quantizer assigns it the range of one term, and it overflows.
            return channels * ops.mean(x, axis=-1, keepdims=True)
        padded = ops.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(half, half)])
        return sum(padded[..., shift : shift + channels] for shift in range(self.size))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "size": self.size, "alpha": self.alpha, "beta": self.beta, "bias": self.bias}
