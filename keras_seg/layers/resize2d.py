"""Resizing of feature maps and masks at static or dynamic size."""

import math
from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.reach import EVERYTHING, Reaches, aligned, of_everything, scaled

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


@keras.saving.register_keras_serializable("keras_seg")
class Resize2D(keras.layers.Layer):
    """Enlarges the two spatial axes by a whole factor.

    Pixel centers lie at half integers (`align_corners=False`, TensorFlow 2's and PyTorch's default), and borders are
    clamped: `[[1, 2], [3, 4]]` enlarged twice has the first row `1 1.25 1.75 2` with `"bilinear"` and `1 1 2 2` with
    `"nearest"`. Unlike `keras.layers.UpSampling2D(interpolation="bilinear")` it can be exported at unknown sizes, and
    unlike `keras.layers.Resizing` it does not make later BatchNormalization layers update their statistics in
    `predict`.

    `"bicubic"` is the cubic convolution of PyTorch and OpenCV, with a = -0.75 and the border pixels repeated; the first
    row is `0.68 1.02 1.56 1.89`, and values can overshoot. `keras.ops.image.resize` uses a = -0.5 on TensorFlow and
    JAX and omits pixels beyond the border (`0.7353 1.0307 1.6164 1.9118`); on torch it equals this layer.

    Args:
        factor: int or pair of ints (height, width). How many times larger. Defaults to 2.
        interpolation: `"nearest"`, `"bilinear"` or `"bicubic"`. Defaults to `"bilinear"`.
        align_corners: bool. As in `ResizeLike`. Defaults to False.
        data_format: `"channels_last"`, or None for Keras' setting, which must be the same. Defaults to None.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any float dtype.

    Output shape: `(batch, height * factor[0], width * factor[1], channels)`, the same dtype.

    Raises:
        InputError: if an argument is invalid.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
        >>> np.array(ks.layers.Resize2D(2)(x))[0, 0, :, 0].tolist()
        [1.0, 1.25, 1.75, 2.0]

    Reference: Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), section II, for `"bicubic"`.
    """

    def __init__(
        self,
        factor: Size = 2,
        *,
        interpolation: str = "bilinear",
        align_corners: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.factor = _validation.pair("factor", factor)
        self.interpolation = _validation.one_of("interpolation", interpolation, INTERPOLATIONS)
        self.align_corners = checked_alignment(interpolation, align_corners=align_corners)
        self.data_format = _validation.channels_last(data_format)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        if self.interpolation == "bicubic":
            return _bicubic(inputs, self.factor)
        height, width = _ops.spatial_size(inputs)
        size = (height * self.factor[0], width * self.factor[1])
        if self.align_corners:
            return _ops.resize_aligned(inputs, size)
        return _ops.resize(inputs, size, self.interpolation)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        chain = scaled(1, self.factor[axis], self.interpolation)
        if not self.align_corners:
            return chain
        found = aligned(size, output_size)
        return of_everything(chain) if found == EVERYTHING else found

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, height, width, channels = input_shape
        rows, columns = self.factor
        return (batch, height and height * rows, width and width * columns, channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "interpolation": self.interpolation,
            "align_corners": self.align_corners,
            "data_format": self.data_format,
        }


def checked_alignment(interpolation: str, *, align_corners: bool) -> bool:
    """`align_corners`, if the `interpolation` has that choice."""
    if _validation.boolean("align_corners", align_corners) and interpolation != "bilinear":
        _validation.fail("align_corners", 'must be False unless interpolation="bilinear"', align_corners)
    return align_corners


def _bicubic(x: Tensor, factor: tuple[int, int]) -> Tensor:
    """Weighted sums of shifted maps: TFLite has no bicubic operator, and the backends disagree on its weights."""
    rows, columns = factor
    _, height, width, channels = ops.shape(x)
    outputs = ops.cast(x, "float32")
    outputs = ops.reshape(ops.stack(_phases(outputs, 1, rows), axis=2), (-1, height * rows, width, channels))
    outputs = ops.stack(_phases(outputs, 2, columns), axis=3)
    return ops.cast(ops.reshape(outputs, (-1, height * rows, width * columns, channels)), x.dtype)


def bicubic_to_size(x: Tensor, size: tuple[Any, Any]) -> Tensor:
    """`x` resized to `size` = (height, width), known or not, with the weights of `Resize2D`."""
    outputs = ops.cast(x, "float32")
    for axis, (length, wanted) in enumerate(zip(_ops.spatial_size(x), size, strict=True), start=1):
        step = ops.cast(length, "float32") / ops.cast(wanted, "float32")
        place = (ops.arange(wanted, dtype="float32") + 0.5) * step - 0.5
        before = ops.floor(place)
        shape = (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1)
        taps = []
        for n in (-1, 0, 1, 2):
            index = ops.cast(ops.clip(before + n, 0, ops.cast(length - 1, "float32")), "int32")
            taps.append(ops.take(outputs, index, axis=axis) * ops.reshape(_cubic_weights(place - before - n), shape))
        outputs = sum(taps)
    return ops.cast(outputs, x.dtype)


def _phases(x: Tensor, axis: int, factor: int) -> list[Tensor]:
    """The maps that, interleaved along `axis`, give `x` enlarged `factor` times."""
    length = ops.shape(x)[axis]

    def part(x: Tensor, start: Any, stop: Any) -> Tensor:
        return x[:, start:stop] if axis == 1 else x[:, :, start:stop]

    # An output lies at most half a pixel before or after a center, and reads two pixels to either side.
    first, last = part(x, 0, 1), part(x, length - 1, length)
    padded = ops.concatenate([first, first, x, last, last], axis=axis)
    phases = []
    for phase in range(factor):
        source = (phase + 0.5) / factor - 0.5
        before = math.floor(source)
        taps = [(before + n, _cubic(source - before - n)) for n in (-1, 0, 1, 2)]
        phases.append(sum(part(padded, 2 + shift, 2 + shift + length) * weight for shift, weight in taps if weight))
    return phases


def _cubic(distance: float, a: float = -0.75) -> float:
    """Keys' weight of a pixel at `distance`, with the `a` of PyTorch and OpenCV."""
    distance = abs(distance)
    return _near(distance, a) if distance <= 1 else _far(distance, a)


def _cubic_weights(distance: Tensor, a: float = -0.75) -> Tensor:
    """`_cubic` of a tensor of distances below 2."""
    distance = ops.abs(distance)
    return ops.where(distance <= 1, _near(distance, a), _far(distance, a))


def _near(distance: Any, a: Any) -> Any:
    return ((a + 2) * distance - (a + 3)) * distance**2 + 1


def _far(distance: Any, a: Any) -> Any:
    return ((distance - 5) * distance + 8) * distance * a - 4 * a
