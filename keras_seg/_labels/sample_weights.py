"""How `sample_weight` is read."""

from typing import Any

from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._types import Tensor


def sample_weights(value: Any, y_pred: Tensor, dtype: str) -> Tensor:
    """`sample_weight` as (batch, 1, 1) or (batch, height, width), or None.

    Accepts (), (batch,), (batch, 1), (batch, height, width) and (batch, height, width, 1).
    """
    if value is None:
        return None
    value = ops.convert_to_tensor(value)
    shape = tuple(value.shape)
    value = ops.cast(value, dtype)
    if len(shape) == 4 and shape[-1] == 1:
        value, shape = ops.squeeze(value, axis=-1), shape[:-1]
    if len(shape) <= 1 or (len(shape) == 2 and shape[-1] == 1):
        value, shape = ops.reshape(value, (-1, 1, 1)), (*shape[:1], 1, 1)
    fits = len(shape) == 3 and all(
        have in (None, 1) or want is None or have == want
        for have, want in zip(shape, tuple(y_pred.shape)[:3], strict=True)
    )
    if not fits:
        _validation.fail(
            "sample_weight",
            f"must have the shape (batch,), (batch, height, width) or (batch, height, width, 1) beside `y_pred` "
            f"{tuple(y_pred.shape)}",
            shape,
        )
    # False for NaN too, which an overlap loss would read as no pixels at all.
    valid = ops.all(value >= 0)
    if reading.is_concrete(valid) and not valid:
        _validation.fail("sample_weight", "must hold numbers of at least 0", float(ops.min(value)))
    return value
