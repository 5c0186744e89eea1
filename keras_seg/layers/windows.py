"""Non-overlapping windows of a map: the first maximum of each with its index in the window, and the inverse.

An index is window-local: cell (i, j) of a (rows, columns) window is `i * columns + j`, whatever the batch, the size of
the map or the channel. Given the indices, putting values in their cells and picking values from their cells are
transposes of one another, so each is the other's gradient, and the first is that of the maximum.

All operations are comparisons and selections, which every runtime supports. On TensorFlow, where each is a pass of its
own over memory, XLA compiles them into one if the size is known. Not every format can export such a function; inside
`export_form.portable()` the plain operations are used, on tensors of four axes at most, which give the same results.
"""

import functools
from typing import Any

import keras
from keras import ops

from keras_seg import _ops
from keras_seg._types import Tensor
from keras_seg.layers import export_form

PADDINGS = ("valid", "same")

# Compiling takes about 0.2 s, and eager execution with a new size per image would spend most of its time on it: only
# this many sizes are compiled for eager execution, and the others run the plain operations.
_EAGER_SIZES = 32
_eager_sizes = set()


def count(length: Any, window: Any, padding: str) -> Any:
    """How many windows a map of `length` gives; None for None."""
    if length is None:
        return None
    # Positive numbers only, because ONNX rounds a negative quotient up.
    return length // window if padding == "valid" else (length + window - 1) // window


def offset(length: Any, windows: Any, window: Any) -> Any:
    """How many cells of the first window lie before the map: "same" centers the map in its windows, as TensorFlow does.

    With windows of two or less it is 0 and "same" is the ceil mode of torch and Caffe: the last window is cut.
    """
    if window <= 2:
        return 0
    missing = windows * window - length
    return max(missing, 0) // 2 if isinstance(missing, int) else ops.maximum(missing, 0) // 2


def pool(x: Tensor, pool_size: tuple[int, int], padding: str) -> tuple[Tensor, Tensor]:
    """(maxima, int32 window-local indices) of the windows of an NHWC map.

    The first maximum in row-major order wins. NaN passes through, and the last NaN of a window is its maximum; both as
    in torch.
    """
    size = ops.shape(x)[1:3]
    windows = [count(length, window, padding) for length, window in zip(size, pool_size, strict=True)]
    axes = [_Axis(*axis) for axis in zip((1, 2), size, windows, pool_size, strict=True)]
    axes = [axis for axis in axes if not axis.exact]
    for axis in axes:
        x = axis.slice(x, 0, axis.padded_length) if padding == "valid" else axis.repeat_border(x)
    maxima, indices = first_maximum(x, pool_size)
    if padding == "same":
        for axis in axes:
            # Without NaN, a line repeated at the end never wins: the first maximum does.
            if not (export_form.for_gpu() and axis.static and axis.offset == 0):
                indices = axis.clamp(indices, pool_size)
    return maxima, indices


def unpool(values: Tensor, indices: Tensor, pool_size: tuple[int, int], size: Any = None) -> Tensor:
    """A map of zeros with each value in its cell, cut or extended to `size` = (height, width) if that is given.

    A size larger than the windows together belongs to a "valid" pooling, which drops the end of the map, and a smaller
    one to a "same" pooling, so the padding need not be known.
    """
    outputs = place(values, indices, pool_size)
    if size is None:
        return outputs
    for axis in zip((1, 2), size, ops.shape(values)[1:3], pool_size, strict=True):
        outputs = _Axis(*axis).cut_or_extend(outputs)
    return outputs


class _Axis:
    """One spatial axis of a map: its length and the windows over it, as ints or as scalar tensors."""

    def __init__(self, number: Any, length: Any, windows: Any, window: Any) -> None:
        self.number = number
        self.length = length
        self.window = window
        self.windows = windows
        self.padded_length = windows * window
        self.offset = offset(length, windows, window)
        self.static = isinstance(length, int) and isinstance(windows, int)
        self.exact = window == 1 or (self.static and length == self.padded_length)

    def slice(self, x: Tensor, start: Any, stop: Any) -> Tensor:
        return x[:, start:stop] if self.number == 1 else x[:, :, start:stop]

    def repeat_border(self, x: Tensor) -> Tensor:
        """The map continued to whole windows by repeating its first and last line.

        A repeated line adds no new maximum, but a constant could: minus infinity may occur in a map, and it cannot be
        quantized.
        """
        if self.static:
            first, last = self.slice(x, 0, 1), self.slice(x, self.length - 1, self.length)
            after = self.padded_length - self.length - self.offset
            return ops.concatenate([first] * self.offset + [x] + [last] * after, axis=self.number)
        position = ops.arange(self.padded_length, dtype="int32") - self.offset
        return ops.take(x, ops.maximum(ops.minimum(position, self.length - 1), 0), axis=self.number)

    def clamp(self, indices: Tensor, pool_size: tuple[int, int]) -> Tensor:
        """Indices moved from a repeated line to the line it repeats."""
        lowest = self.offset - ops.arange(self.windows, dtype="int32") * self.window
        lowest = ops.reshape(lowest, (-1, 1, 1) if self.number == 1 else (-1, 1))
        rows, columns = indices // pool_size[1], indices % pool_size[1]
        along = ops.maximum(ops.minimum(rows if self.number == 1 else columns, lowest + (self.length - 1)), lowest)
        return along * pool_size[1] + columns if self.number == 1 else rows * pool_size[1] + along

    def cut_or_extend(self, x: Tensor) -> Tensor:
        """The joined windows, `padded_length` long, cut or extended to the `length` of the original map."""
        if self.exact:
            return x
        if self.static and self.length < self.padded_length:
            return self.slice(x, self.offset, self.offset + self.length)
        extension = self.length - self.padded_length if self.static else self.window - 1
        widths = [(0, 0)] * 4
        widths[self.number] = (0, extension)
        x = ops.pad(x, widths)
        return x if self.static else self.slice(x, self.offset, self.offset + self.length)


def first_maximum(x: Tensor, pool_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(maxima, indices) of a map that consists of whole windows."""
    if export_form.choosing() is not None:
        return _portable_first_maximum(x, pool_size)
    if keras.backend.backend() == "tensorflow":
        return _on_tensorflow(pool_size).first_maximum(x)
    return _first_maximum(x, pool_size)


def place(values: Tensor, indices: Tensor, pool_size: tuple[int, int]) -> Tensor:
    """A map of zeros that consists of whole windows, with each value in its cell."""
    if keras.backend.backend() != "tensorflow":
        return _place_broadcast(values, indices, pool_size)
    if export_form.choosing() is not None:
        return _place_joined(values, indices, pool_size)
    return _on_tensorflow(pool_size).place(values, indices)


def _first_maximum(x: Tensor, pool_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Reads a view with the cells of a window as axes, because strided slices x[:, i::2, j::2] are slow."""
    rows, columns = pool_size
    _, height, width, channels = ops.shape(x)
    cells = ops.reshape(x, (-1, rows, width // columns, columns, channels))
    best, index = _first_of([cells[:, row, :, column] for row in range(rows) for column in range(columns)])
    shape = (-1, height // rows, width // columns, channels)
    return ops.reshape(best, shape), ops.reshape(index, shape)


def _portable_first_maximum(x: Tensor, pool_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The same on tensors of four axes: the lines of windows lie side by side, their cells are channels."""
    rows, columns = pool_size
    _, height, width, channels = ops.shape(x)
    high, wide = height // rows, width // columns
    lines, cells = ops.reshape(x, (-1, high, rows * width, channels)), []
    for row in range(rows):
        line = ops.reshape(lines[:, :, row * width : (row + 1) * width], (-1, high, wide, columns * channels))
        cells += [line[..., column * channels : (column + 1) * channels] for column in range(columns)]
    return _first_of(cells)


def _first_of(cells: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(the maxima over `cells`, the number of the first cell that has each, int32)."""
    best, *others = cells
    if export_form.for_gpu():
        index = ops.zeros_like(best)
        for number, candidate in enumerate(others, start=1):
            index = index + ops.cast(candidate > best, best.dtype) * (number - index)
            best = ops.maximum(best, candidate)
        return best, ops.cast(index, "int32")
    index = ops.zeros_like(best, dtype="int32")
    for number, candidate in enumerate(others, start=1):
        wins = ops.logical_or(candidate > best, candidate != candidate)  # Only NaN differs from itself.
        best = ops.where(wins, candidate, best)
        index = ops.where(wins, number, index)
    return best, index


def _place_joined(values: Tensor, indices: Tensor, pool_size: tuple[int, int]) -> Tensor:
    """For runtimes that take only tensors of four axes or less."""
    rows, columns = pool_size
    _, height, width, channels = ops.shape(values)
    # TFLite's quantizer for 16-bit activations needs the range of compared tensors, and has none for integers.
    indices = ops.cast(indices, values.dtype)
    lines = []
    for row in range(rows):
        cells = [_where_equal(indices, row * columns + column, values) for column in range(columns)]
        lines.append(ops.reshape(ops.concatenate(cells, axis=-1), (-1, height, width * columns, channels)))
    return ops.reshape(ops.concatenate(lines, axis=2), (-1, height * rows, width * columns, channels))


def _where_equal(indices: Tensor, number: int, values: Tensor) -> Tensor:
    """`values` where `indices` are `number`, and 0 elsewhere."""
    equal = ops.equal(indices, number)
    if export_form.for_gpu():
        return values * ops.cast(equal, values.dtype)
    return ops.where(equal, values, ops.zeros((), values.dtype))


def _place_broadcast(values: Tensor, indices: Tensor, pool_size: tuple[int, int]) -> Tensor:
    """For compilers, which fuse it into one loop."""
    rows, columns = pool_size
    _, height, width, channels = ops.shape(values)
    cells = ops.reshape(ops.arange(rows * columns, dtype="int32"), (rows, 1, columns, 1))
    shape = (-1, height, 1, width, 1, channels)
    values, indices = ops.reshape(values, shape), ops.reshape(indices, shape)
    outputs = ops.where(ops.equal(indices, cells), values, ops.zeros((), values.dtype))
    return ops.reshape(outputs, (-1, height * rows, width * columns, channels))


def _pick(x: Tensor, indices: Tensor, pool_size: tuple[int, int]) -> Tensor:
    """The value of `x`, which consists of whole windows, in the cell of each index."""
    rows, columns = pool_size
    _, height, width, channels = ops.shape(indices)
    x = ops.reshape(x, (-1, rows, width, columns, channels))
    indices = ops.reshape(indices, (-1, width, channels))
    picked = x[:, 0, :, 0]
    for n in range(1, rows * columns):
        picked = ops.where(ops.equal(indices, n), x[:, n // columns, :, n % columns], picked)
    return ops.reshape(picked, (-1, height, width, channels))


@functools.cache
def _on_tensorflow(pool_size: tuple[int, int]) -> Any:
    """The functions with custom gradients: TensorFlow's gradients would keep and multiply every mask."""
    import tensorflow as tf

    class Functions:
        @staticmethod
        @tf.custom_gradient
        def first_maximum(x: Tensor) -> Any:
            maxima, indices = _run(_first_maximum, _first_maximum, pool_size, x)
            return (maxima, indices), lambda gradient, _: Functions.place(gradient, indices)

        # The indices are an argument and not a closure: custom_gradient searches a closure for variables.
        @staticmethod
        @tf.custom_gradient
        def place(values: Tensor, indices: Tensor) -> Tensor:
            outputs = _run(_place_joined, _place_broadcast, pool_size, values, indices)
            return outputs, lambda gradient: (Functions.pick(gradient, indices), None)

        @staticmethod
        @tf.custom_gradient
        def pick(x: Tensor, indices: Tensor) -> Any:
            outputs = _run(_pick, _pick, pool_size, x, indices)
            return outputs, lambda gradient: (Functions.place(gradient, indices), None)

    return Functions


def _run(plain: Any, compilable: Any, pool_size: tuple[int, int], *tensors: Any) -> Any:
    """`plain` on the tensors, or `compilable`, the same function, compiled by XLA where that is possible."""
    if any(None in tensor.shape[1:] for tensor in tensors) or not _ops.xla_works():
        return plain(*tensors, pool_size)
    key = (compilable, pool_size, tuple((tuple(tensor.shape[1:]), tensor.dtype) for tensor in tensors))
    return _compiled(*key)(*tensors) if _worth_compiling(key) else plain(*tensors, pool_size)


def _worth_compiling(key: Any) -> bool:
    """Always in a graph, which is made for its size; for the first sizes in eager execution."""
    import tensorflow as tf

    if not tf.executing_eagerly():
        return True
    if len(_eager_sizes) < _EAGER_SIZES:
        _eager_sizes.add(key)
    return key in _eager_sizes


@functools.cache
def _compiled(function: Any, pool_size: tuple[int, int], shapes: Any) -> Any:
    """One function per size, so that TensorFlow neither retraces nor generalizes it."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *shape), dtype) for shape, dtype in shapes]
    return tf.function(lambda *tensors: function(*tensors, pool_size), input_signature=signature, jit_compile=True)
