"""Normalization of raw images inside the model, as ImageNet networks expect it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.layers.reach_bases import Pointwise

# The constants of keras.applications.imagenet_utils.preprocess_input, in RGB order.
_IMAGENET_MEAN_255 = (123.68, 116.779, 103.939)
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)

# mode -> (mean, standard deviation) of R, G, B on the scale 0..255, applied as (x - mean) / deviation.
_CONSTANTS = {
    "caffe": (_IMAGENET_MEAN_255, (1.0, 1.0, 1.0)),
    "tf": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "tf128": ((128.0, 128.0, 128.0), (128.0, 128.0, 128.0)),
    "lite": ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
    "torch": (tuple(255.0 * m for m in _IMAGENET_MEAN), tuple(255.0 * s for s in _IMAGENET_STD)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
MODES = tuple(_CONSTANTS)


def mode_of(scale: float | Sequence[float], offset: float | Sequence[float]) -> str | None:
    """The mode that computes `image * scale + offset`, or None."""
    for mode, (mean, deviation) in _CONSTANTS.items():
        wanted = 1 / np.array(deviation), -np.array(mean) / np.array(deviation)
        if mode != "caffe" and np.allclose(scale, wanted[0], 1e-3) and np.allclose(offset, wanted[1], 1e-3, 1e-3):
            return mode
    return None


@keras.saving.register_keras_serializable("keras_seg")
class Preprocessing(Pointwise):
    """Normalizes raw RGB images, 0..255, the way a family of ImageNet networks was trained: `(x - mean) / deviation`.

    | mode | result | families |
    |---|---|---|
    | `"caffe"` | BGR, minus (103.939, 116.779, 123.68) | VGG, ResNet |
    | `"tf"` | x / 127.5 - 1 | ResNetV2, MobileNet, V2, V3, Xception, Inception, NASNet, Compact |
    | `"tf128"` | x / 128 - 1 | EfficientNetV2 S, M, L |
    | `"lite"` | (x - 127) / 128 | EfficientNetLite |
    | `"torch"` | (x / 255 - mean) / std of ImageNet | torchvision's ResNets, DenseNet, EfficientNet, V2 B, ConvNeXt |
    | `"none"` | x | |

    **Channels other than three.** With one or two, every channel is normalized with the mean of the three colors'
    constants. With more, channel `i` gets the constants of color `i % 3` of R, G, B. `"caffe"` swaps to BGR for
    exactly three channels only. First-layer weights are adapted by the same rule.

    The arithmetic is float32 under every dtype policy; only the result is cast to the policy's compute dtype.

    Args:
        mode: str. One of `"caffe"`, `"tf"`, `"tf128"`, `"lite"`, `"torch"`, `"none"`.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape:
        `(..., channels)`, any dtype, values 0..255.

    Output shape:
        That of the input.

    Raises:
        InputError: if `mode` is unknown.

    Examples:
        >>> import numpy as np, keras_seg as ks
        >>> layer = ks.layers.Preprocessing("tf")
        >>> print(np.array(layer(np.full((1, 1, 1, 3), 255.0))).ravel())
        [1. 1. 1.]

    Reference:
        `keras.applications.imagenet_utils.preprocess_input`.
    """

    def __init__(self, mode: str, **kwargs: Any) -> None:
        # Without autocast: float16 would round raw pixel values that are not whole before they are centered.
        kwargs["autocast"] = False
        super().__init__(**kwargs)
        self.mode = _validation.one_of("mode", mode, MODES)

    def call(self, inputs: Tensor) -> Tensor:
        """The normalized images."""
        x = ops.cast(inputs, "float32")
        if self.mode != "none":
            channels = x.shape[-1]
            mean, deviation = (_by_channel(values, channels) for values in _CONSTANTS[self.mode])
            if self.mode == "caffe" and channels == 3:
                # Not `ops.flip`, which is wrong in TFLite's int8 (export/float_nodes.py), and not `ops.take`, which
                # OpenVINO moves into the first convolution, wrongly in a DeconvNet.
                x, mean = ops.concatenate([x[..., 2:], x[..., 1:2], x[..., :1]], axis=-1), mean[::-1]
            x = x - ops.convert_to_tensor(np.ascontiguousarray(mean))
            if self.mode != "caffe":
                x = x * ops.convert_to_tensor((1.0 / deviation).astype("float32"))
        return ops.cast(x, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "mode": self.mode}


def _by_channel(values: Sequence[float], channels: int) -> np.ndarray:
    """Three colors' constants spread over `channels` channels: their mean below three, cyclically from three on."""
    constants = np.asarray(values, "float32")
    if channels < 3:
        return np.full(channels, constants.mean(), "float32")
    return constants[np.arange(channels) % 3]
