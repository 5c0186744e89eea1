"""The arguments of an augmentation: a seed, and images with their labels, with or without a batch axis."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg._validation import InputError
from keras_seg.augmentation.keras_ops import ops_of_keras
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.numpy_ops import ops_on_numpy
from keras_seg.augmentation.tensorflow_ops import ops_on_tensorflow

KEYS = ("image", "mask", "weight", "instances")
TYPES = {"image": "float32", "mask": "int32", "weight": "float32", "instances": "int32"}


def check_shapes(given: dict[str, Tensor]) -> bool:
    """Whether `given` is one image and not a batch; refuses shapes that do not belong together."""
    unknown = given.keys() - set(KEYS)
    if unknown:
        name = sorted(unknown)[0]
        _validation.fail("image", "has an unknown key", name, _validation.nearest(name, KEYS))
    if "image" not in given:
        raise InputError(f"`image` is missing among {sorted(given)}.")
    shape = tuple(given["image"].shape)
    if len(shape) not in (3, 4):
        _validation.fail("image", "must be (height, width, channels), with or without a batch axis", shape)
    if 0 in shape:
        _validation.fail("image", "must not be empty", shape)
    sides = shape[:-1]
    for key, value in given.items():
        if key == "image":
            continue
        own = tuple(value.shape)
        flat = own[:-1] if len(own) == len(shape) and own[-1] == 1 else own
        if len(flat) != len(sides) or any(None not in (a, b) and a != b for a, b in zip(flat, sides, strict=True)):
            _validation.fail(key, f"must have the size of the image, {sides}", own)
        kind = keras.backend.standardize_dtype(value.dtype)
        if key in ("mask", "instances") and not kind.startswith(("int", "uint", "bool")):
            _validation.fail(key, "must hold integers", kind, f'Pass {key}.astype("int32").')
    return len(shape) == 3


def checked_seed(seed: Any) -> Any:
    """The seed, NumPy's ints as Python's; tensors pass, as their values are known only when the graph runs."""
    seed = seed.tolist() if isinstance(seed, (np.ndarray, np.generic)) else seed
    values = seed if isinstance(seed, (tuple, list)) else (seed, 0)
    numbers = [x for x in values if not hasattr(x, "dtype")]
    if len(values) != 2 or not all(isinstance(x, int) and -(2**63) <= x < 2**63 for x in numbers):
        fix = "Pass a different seed for each image." if seed is None else "Pass a number, or (epoch, position)."
        _validation.fail("seed", "must be a 64-bit int or a pair of them", seed, fix)
    return seed


def namespace_for(tensors: Iterable[Tensor]) -> Namespace:
    """The operations of the tensors' own library; TensorFlow's for NumPy arrays if it is the backend."""
    libraries = {type(x).__module__.split(".")[0] for x in tensors}
    if "tensorflow" in libraries or keras.backend.backend() == "tensorflow":
        return ops_on_tensorflow()
    return ops_on_numpy() if libraries <= {"numpy", "builtins"} else ops_of_keras()


def batched(ops: Namespace, key: str, value: Tensor, *, single: bool) -> tuple[Any, ...]:
    """The shape of `value` with axes for the batch and for channels."""
    shape = ops.shape(value)
    shape = (1, *shape) if single else shape
    return shape if key == "image" or len(shape) == 4 else (*shape, 1)


def unbatched(ops: Namespace, result: Tensor, value: Tensor, *, single: bool) -> tuple[Any, ...]:
    """The shape of `result` with the axes that `value` had."""
    shape = ops.shape(result)[1:] if single else ops.shape(result)
    return shape if len(shape) == len(value.shape) else shape[:-1]
