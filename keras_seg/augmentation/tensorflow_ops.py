"""The operations of an augmentation on TensorFlow, for `tf.data`, on every backend of Keras."""

import functools
from collections.abc import Callable
from typing import Any

from keras_seg import _ops
from keras_seg._types import Tensor
from keras_seg.augmentation.namespace import Namespace

# Operations that differ in their name at most; arguments are passed by position, or as axis=.
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
    "min": "reduce_min",
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
    "tile": "tile",
    "transpose": "transpose",
    "where": "where",
}


class TensorFlowOps(Namespace):
    """The operations of `keras.ops` that augmentation needs, made of TensorFlow's."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf: Any = tf
        for name, source in _SAME.items():
            setattr(self, name, functools.reduce(getattr, source.split("."), tf))

    def arange(self, stop: Any, dtype: str) -> Tensor:
        """0, 1, ..., `stop` - 1."""
        return self.tf.range(self.tf.cast(stop, dtype), dtype=dtype)

    def argmax(self, x: Tensor, axis: int) -> Tensor:
        """Position of the largest value."""
        return self.tf.argmax(x, axis, output_type=self.tf.int32)

    def shape(self, x: Tensor) -> tuple[Any, ...]:
        """The shape: ints where they are known, scalar tensors where they are not."""
        dynamic: Any = None if x.shape.is_fully_defined() else self.tf.shape(x)
        return tuple(dynamic[axis] if side is None else side for axis, side in enumerate(x.shape))

    def random(self, seed: Any, count: Any, width: int) -> tuple[Tensor, Callable[[Any], Tensor]]:
        """See `Namespace`."""
        tf = self.tf
        seed = tf.cast(seed, tf.int64)
        seed = tf.stack([seed, 0]) if seed.shape.rank == 0 else seed
        # All draws at once: one op per image instead of one per number. The algorithm is named, as XLA has another
        # default.
        draws = tf.random.stateless_uniform((count, width), seed, alg="philox")
        return draws, TensorFlowNormal(tf, seed)

    def choose(self, active: Tensor, changed: Callable[[], Tensor], image: Tensor) -> Tensor:
        """See `Namespace`. A single image that is not changed is not computed either."""
        if image.shape[0] == 1:
            return self.tf.cond(active[0], changed, lambda: image)
        return super().choose(active, changed, image)

    def compiles(self, tensors: tuple[Tensor, ...]) -> bool:
        """In a graph, such as that of `tf.data`, of known sizes only: compiling again per size takes far longer."""
        if not self.tf.inside_function() or not _ops.xla_works():
            return False
        return all(x.shape.is_fully_defined() for x in tensors)

    def compiled(self, stage: Callable[[], Any]) -> Any:
        """See `Namespace`: one pass over memory by XLA instead of dozens."""
        return self.tf.function(stage, jit_compile=True, autograph=False)()


class TensorFlowNormal:
    """Normal numbers from a seed; different ones at every call."""

    def __init__(self, tf: Any, seed: Tensor) -> None:
        self.tf, self.seed, self.calls = tf, seed, 0

    def __call__(self, shape: Any) -> Tensor:
        self.calls += 1
        seed = self.tf.random.experimental.stateless_fold_in(self.seed, self.calls, alg="philox")
        return self.tf.random.stateless_normal(shape, seed, alg="philox")


@functools.cache
def ops_on_tensorflow() -> TensorFlowOps:
    """The namespace."""
    return TensorFlowOps()
