"""Max pooling that also returns the position of each maximum."""

from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers import windows
from keras_seg.layers.reach_bases import Windowed


@keras.saving.register_keras_serializable("keras_seg")
class MaxPoolingWithArgmax2D(Windowed):
    """Max pooling over non-overlapping windows that also returns the position of each maximum in its window.

    An index is window-local: `i * pool_width + j` for the maximum in row i, column j of its window, so 0..3 for pools
    of 2. It depends on neither the size of the map nor the batch; `to_tf_argmax` and `to_torch_indices` convert it to
    the conventions of `tf.nn.max_pool_with_argmax` and of `torch.nn.MaxPool2d`.

    The first maximum in row-major order wins. NaN counts as larger than every number, and the last NaN of a
    window wins, as in torch. Only the winner receives the gradient.

    Args:
        pool_size: int or pair of ints (height, width). Defaults to 2.
        strides: None or the same as `pool_size`. Defaults to None.
        padding: `"valid"` drops the rows and columns at the end that do not fill a window. `"same"` keeps them in
            partial windows, as in `keras.layers.MaxPooling2D`; for pools of 2 this is the ceil mode of torch and
            Caffe, while larger pools are centered, as in TensorFlow. Defaults to `"valid"`.
        data_format: `"channels_last"`, or None for Keras' setting, which must be the same. Defaults to None.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any float dtype.

    Output shape: two tensors of `(batch, height // pool_height, width // pool_width, channels)`, rounded up for
        `"same"`: the maxima, in the dtype of the input, and the indices, int32.

    Raises:
        InputError: if an argument is invalid, or the map is known to be smaller than one window.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.array([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]]).reshape(1, 4, 4, 1)
        >>> pooled, indices = ks.layers.MaxPoolingWithArgmax2D()(x)
        >>> np.array(pooled).ravel().tolist(), np.array(indices).ravel().tolist()
        ([5.0, 6.0, 7.0, 8.0], [3, 0, 2, 3])

    Reference: Badrinarayanan, Kendall and Cipolla, "SegNet" (2015), section 3; Noh, Hong and Han, "Learning
    Deconvolution Network for Semantic Segmentation" (2015), section 3.2, where the indices are called switches.
    """

    def __init__(
        self,
        pool_size: Size = 2,
        *,
        strides: Size | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = _validation.pair("pool_size", pool_size)
        self.strides = None if strides is None else _validation.pair("strides", strides)
        if self.strides not in (None, self.pool_size):
            _validation.fail(
                "strides",
                f"must be None or equal pool_size={self.pool_size}: overlapping windows can share a maximum, and "
                "unpooling would have several values for one pixel",
                strides,
            )
        self.padding = _validation.one_of("padding", padding, windows.PADDINGS)
        self.data_format = _validation.channels_last(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # Fails for maps smaller than a window.
        return windows.pool(inputs, self.pool_size, self.padding)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        counts = [windows.count(n, window, self.padding) for n, window in zip(size, self.pool_size, strict=True)]
        if 0 in counts:
            _validation.fail(
                "inputs",
                f"must hold at least one window of {self.pool_size}",
                tuple(input_shape),
                'Pass padding="same".',
            )
        return (batch, *counts, channels), (batch, *counts, channels)

    def compute_output_spec(self, inputs: Tensor) -> Any:
        maxima, indices = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(maxima, self.compute_dtype), keras.KerasTensor(indices, "int32")

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("pool_size", "strides", "padding", "data_format")}
        return {**super().get_config(), **own}
