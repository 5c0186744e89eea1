"""Conversion of max pooling indices to and from the conventions of TensorFlow and torch."""

from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, Size
from keras_seg.layers.windows import PADDINGS, count, offset


def to_tf_argmax(
    indices: ArrayLike,
    input_size: Size,
    *,
    pool_size: Size = 2,
    padding: str = "valid",
    include_batch_in_index: bool = False,
) -> np.ndarray:
    """Convert window-local indices to those of `tf.nn.max_pool_with_argmax`.

    A maximum in row y, column x and channel c of a map with `width` columns and C channels has index
    `(y * width + x) * C + c`, or `((b * height + y) * width + x) * C + c` if the index b in the batch is included.
    Sizes are those of the map without padding.

    Args:
        indices: array (batch, rows, columns, channels), as `MaxPoolingWithArgmax2D` returns them.
        input_size: int or pair of ints (height, width). Size of the map that was pooled.
        pool_size: int or pair of ints (height, width). Defaults to 2.
        padding: `"valid"` or `"same"`. That of the pooling. Defaults to `"valid"`.
        include_batch_in_index: bool. As in TensorFlow. Defaults to False.

    Returns:
        int64 NumPy array of the same shape.

    Raises:
        InputError: if an argument is invalid, or the indices' shape is not that of such a pooling.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> indices = np.array([[3, 0], [2, 3]]).reshape(1, 2, 2, 1)
        >>> ks.layers.to_tf_argmax(indices, input_size=4).ravel().tolist()
        [5, 2, 12, 15]
    """
    indices, size, pool = _checked(indices, input_size, pool_size, padding=padding)
    y, x = _positions(indices, size, pool)
    batch, channel = np.arange(indices.shape[0]).reshape(-1, 1, 1, 1), np.arange(indices.shape[3])
    first = batch * size[0] if include_batch_in_index else 0
    return ((first + y) * size[1] + x) * indices.shape[3] + channel


def from_tf_argmax(
    argmax: ArrayLike,
    input_size: Size,
    *,
    pool_size: Size = 2,
    padding: str = "valid",
    include_batch_in_index: bool = False,
) -> np.ndarray:
    """Convert indices of `tf.nn.max_pool_with_argmax` to window-local indices: the inverse of `to_tf_argmax`.

    Args:
        argmax: int array (batch, rows, columns, channels).

    Other arguments: see `to_tf_argmax`.

    Returns:
        int32 NumPy array of the same shape.

    Raises:
        InputError: if an argument is invalid, or a number lies outside its window.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> argmax = np.array([[5, 2], [12, 15]]).reshape(1, 2, 2, 1)
        >>> ks.layers.from_tf_argmax(argmax, input_size=4).ravel().tolist()
        [3, 0, 2, 3]
    """
    argmax, size, pool = _checked(argmax, input_size, pool_size, padding=padding, name="argmax")
    positions = argmax // argmax.shape[3]
    if include_batch_in_index:
        positions = positions - np.arange(argmax.shape[0]).reshape(-1, 1, 1, 1) * (size[0] * size[1])
    return _local("argmax", positions, size, pool)


def to_torch_indices(
    indices: ArrayLike, input_size: Size, *, pool_size: Size = 2, padding: str = "valid"
) -> np.ndarray:
    """Convert window-local indices to those of `torch.nn.MaxPool2d(return_indices=True)`, channels first.

    A maximum in row y and column x of a map with `width` columns has index `y * width + x` in every channel.

    Args:
        indices: array (batch, rows, columns, channels), as `MaxPoolingWithArgmax2D` returns them.

    Other arguments: see `to_tf_argmax`.

    Returns:
        int64 NumPy array (batch, channels, rows, columns).

    Raises:
        InputError: if an argument is invalid, or the indices' shape is not that of such a pooling.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> indices = np.array([[3, 0], [2, 3]]).reshape(1, 2, 2, 1)
        >>> ks.layers.to_torch_indices(indices, input_size=4).ravel().tolist()
        [5, 2, 12, 15]
    """
    indices, size, pool = _checked(indices, input_size, pool_size, padding=padding)
    y, x = _positions(indices, size, pool)
    return np.ascontiguousarray((y * size[1] + x).transpose(0, 3, 1, 2))


def from_torch_indices(
    torch_indices: ArrayLike, input_size: Size, *, pool_size: Size = 2, padding: str = "valid"
) -> np.ndarray:
    """Convert indices of torch to window-local indices, channels last: the inverse of `to_torch_indices`.

    Args:
        torch_indices: int array (batch, channels, rows, columns).
        padding: `"valid"`, or `"same"` for a pooling by 2 in ceil mode. Defaults to `"valid"`.

    Other arguments: see `to_tf_argmax`.

    Returns:
        int32 NumPy array (batch, rows, columns, channels).

    Raises:
        InputError: if an argument is invalid, or a number lies outside its window.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> torch_indices = np.array([[5, 2], [12, 15]]).reshape(1, 1, 2, 2)
        >>> ks.layers.from_torch_indices(torch_indices, input_size=4).ravel().tolist()
        [3, 0, 2, 3]
    """
    if np.ndim(torch_indices) != 4:
        _validation.fail("torch_indices", "must be (batch, channels, rows, columns)", np.shape(torch_indices))
    positions = np.asarray(torch_indices).transpose(0, 2, 3, 1)
    positions, size, pool = _checked(positions, input_size, pool_size, padding=padding, name="torch_indices")
    return _local("torch_indices", positions, size, pool)


def _checked(indices: ArrayLike, input_size: Size, pool_size: Size, *, padding: str, name: str = "indices") -> Any:
    """(int64 indices, size, pool size); fails if the shapes do not match."""
    indices = np.asarray(indices)
    size, pool_size = _validation.pair("input_size", input_size), _validation.pair("pool_size", pool_size)
    _validation.one_of("padding", padding, PADDINGS)
    windows = tuple(count(n, window, padding) for n, window in zip(size, pool_size, strict=True))
    if indices.ndim != 4 or indices.shape[1:3] != windows:
        _validation.fail(name, f"must be a map of {windows}, the size of {size} pooled by {pool_size}", indices.shape)
    return indices.astype("int64"), size, pool_size


def _corners(windows: Any, size: Any, pool_size: tuple[int, int]) -> Any:
    """(y, x) of the first cell of every window, negative where that lies before the map."""
    top, left = (
        np.arange(count) * window - offset(length, count, window)
        for count, length, window in zip(windows, size, pool_size, strict=True)
    )
    return top.reshape(-1, 1, 1), left.reshape(-1, 1)


def _positions(indices: Any, size: Any, pool_size: Any) -> Any:
    """(y, x) of window-local indices in the map."""
    top, left = _corners(indices.shape[1:3], size, pool_size)
    return top + indices // pool_size[1], left + indices % pool_size[1]


def _local(name: str, positions: Any, size: Any, pool_size: Any) -> Any:
    """Window-local indices of positions `y * width + x`."""
    top, left = _corners(positions.shape[1:3], size, pool_size)
    row, column = positions // size[1] - top, positions % size[1] - left
    outside = (row < 0) | (row >= pool_size[0]) | (column < 0) | (column >= pool_size[1])
    if outside.any():
        where = tuple(int(n) for n in np.argwhere(outside)[0])
        _validation.fail(
            name,
            f"must lie inside windows of {pool_size}; the one at (batch, row, column, channel) = {where} does not",
            int(positions[where]),
            "Check `input_size`, `padding` and whether the batch is included.",
        )
    return (row * pool_size[1] + column).astype("int32")
