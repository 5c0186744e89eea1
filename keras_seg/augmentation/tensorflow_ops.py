"""The operations of `keras.ops` that augmentation needs, on TensorFlow whatever backend Keras runs on."""

import functools

# Operations that differ in name at most; arguments are given by position, or as axis=.
_SAME = {
    "abs": "abs",
    "any": "reduce_any",
    "cast": "cast",
    "clip": "clip_by_value",
    "concatenate": "concat",
    "convert_to_tensor": "convert_to_tensor",
    "cos": "cos",
    "cumsum": "cumsum",
    "exp": "exp",
    "floor": "floor",
    "log": "math.log",
    "logical_and": "logical_and",
    "logical_or": "logical_or",
    "matmul": "linalg.matmul",
    "max": "reduce_max",
    "maximum": "maximum",
    "mean": "reduce_mean",
    "minimum": "minimum",
    "mod": "math.floormod",
    "power": "pow",
    "reshape": "reshape",
    "round": "round",
    "sign": "sign",
    "sin": "sin",
    "sort": "sort",
    "sqrt": "sqrt",
    "stack": "stack",
    "sum": "reduce_sum",
    "take": "gather",
    "tan": "tan",
    "transpose": "transpose",
    "where": "where",
}


class TensorFlowOps:
    """A namespace like `keras.ops`, made of TensorFlow.

    `tf.data` runs TensorFlow, also where the model is trained by JAX or PyTorch, while `keras.ops` works for the one
    backend it was imported with. Augmentation is written once, over a namespace that is either this one or `keras.ops`.
    """

    def __init__(self):
        import tensorflow as tf

        self.tf = tf
        for name, source in _SAME.items():
            setattr(self, name, functools.reduce(getattr, source.split("."), tf))

    def arange(self, stop, dtype):
        """0, 1, ..., `stop` - 1."""
        return self.tf.range(self.tf.cast(stop, dtype), dtype=dtype)

    def argmax(self, x, axis):
        """Position of the largest value."""
        return self.tf.argmax(x, axis, output_type=self.tf.int32)

    def shape(self, x):
        """The shape: ints where they are known, scalar tensors where they are not."""
        dynamic = None if x.shape.is_fully_defined() else self.tf.shape(x)
        return tuple(dynamic[axis] if side is None else side for axis, side in enumerate(x.shape))

    def cond(self, condition, then, otherwise):
        """The result of one of two functions."""
        return self.tf.cond(condition, then, otherwise)


@functools.cache
def ops_on_tensorflow():
    """The namespace."""
    return TensorFlowOps()
