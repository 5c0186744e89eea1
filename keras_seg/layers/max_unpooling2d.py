"""Max unpooling with the indices of a max pooling."""

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers import windows
from keras_seg.layers.map_lists import is_map_list
from keras_seg.layers.reach import Reach, Reaches


@keras.saving.register_keras_serializable("keras_seg")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts each value back where the maximum of its window was, and zeros everywhere else.

    It reverses `MaxPoolingWithArgmax2D` with either padding. A size that is not a multiple of the pool cannot be known
    from the pooled map: pass the map that was pooled, or another of its size, as third input. The result then equals
    `torch.nn.MaxUnpool2d` with `output_size`.

    Args:
        pool_size: int or pair of ints (height, width). That of the pooling. Defaults to 2.
        data_format: `"channels_last"`, or None for Keras' setting, which must be the same. Defaults to None.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the list `[values, indices]` or `[values, indices, like]`. Indices are window-local, as
            `MaxPoolingWithArgmax2D` returns them; a value whose index is outside the window is dropped. Only the size
            of `like` is used.

    Input shape: `(batch, height, width, channels)` twice, and `(batch, like_height, like_width, any)`, where
        `like_height` and `like_width` differ from `height * pool_height` and `width * pool_width` by less than a pool.

    Output shape: `(batch, height * pool_height, width * pool_width, channels)`, or the size of `like`, in the dtype of
        the values.

    Raises:
        InputError: if an argument is invalid, or the shapes do not fit.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> values = np.array([[1.0, 2], [3, 4]]).reshape(1, 2, 2, 1)
        >>> indices = np.array([[3, 0], [2, 3]]).reshape(1, 2, 2, 1)
        >>> np.array(ks.layers.MaxUnpooling2D()([values, indices]))[0, :, :, 0].astype(int).tolist()
        [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]

    Reference: Badrinarayanan, Kendall and Cipolla, "SegNet" (2015), section 3; Zeiler and Fergus, "Visualizing and
    Understanding Convolutional Networks" (2014), section 2.1.
    """

    def __init__(self, pool_size: Size = 2, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = _validation.pair("pool_size", pool_size)
        self.data_format = _validation.channels_last(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        if not isinstance(inputs, (list, tuple)):
            _validation.fail("inputs", "must be [values, indices] or [values, indices, like], all maps", inputs.shape)
        self.compute_output_shape([tuple(tensor.shape) for tensor in inputs])  # Fails for shapes that do not fit.
        values, indices, *like = inputs
        size = ops.shape(like[0])[1:3] if like else None
        # Indices that went through an Input of Keras' default dtype come as floats.
        return windows.unpool(values, ops.cast(indices, "int32"), self.pool_size, size)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        if position == 2:
            return None
        window = self.pool_size[axis]
        # Windows of more than two are centered on the map, as the pooling's are, if their ends reach beyond it.
        offset = 0
        if window > 2 and size is not None and output_size is not None:
            offset = max(size * window - output_size, 0) // 2
        units = [(phase + offset) // window for phase in range(window)]
        return [Reach(1, tuple((unit, unit) for unit in units))]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        if not is_map_list(input_shape, 2, 3):
            _validation.fail("inputs", "must be [values, indices] or [values, indices, like], all maps", input_shape)
        values, indices, *like = [tuple(shape) for shape in input_shape]
        if any(n is not None and m is not None and n != m for n, m in zip(values, indices, strict=True)):
            _validation.fail("inputs", "must hold values and indices of one shape", [values, indices])
        batch, *size, channels = values
        outputs = [n and n * window for n, window in zip(size, self.pool_size, strict=True)]
        if like:
            for n, m, window in zip(outputs, like[0][1:3], self.pool_size, strict=True):
                if n is not None and m is not None and abs(n - m) >= window:
                    _validation.fail(
                        "inputs",
                        f"must hold a `like` less than one pool {self.pool_size} away from {tuple(outputs)}",
                        like[0],
                        "Pass the map that was pooled.",
                    )
            outputs = like[0][1:3]
        return (batch, *outputs, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool_size": self.pool_size, "data_format": self.data_format}
