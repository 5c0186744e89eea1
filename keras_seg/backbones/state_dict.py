"""State dicts of PyTorch as the weights of a backbone: every key has its place, or the error names it."""

from collections.abc import Mapping
from typing import Any, NoReturn

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.backbones.adapt_kernel import adapt_kernel
from keras_seg.backbones.ported import family_of

# What wraps an encoder: DataParallel, Lightning, segmentation_models_pytorch, torchvision's segmentation models.
_PREFIXES = ("module.", "model.", "encoder.", "backbone.")
# The names of a state dict in a checkpoint with other content.
_NESTED = ("state_dict", "model_state_dict", "model")
_BATCH_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def load_state_dict(model: keras.Model, name: str, state: Mapping[str, ArrayLike], source: str) -> None:
    """Fill `model`, a backbone of the ported network `name`, from a state dict of its original.

    Nothing is assigned unless all of it fits. `source` is what errors call the weights.
    """
    arrays = _unwrapped(state, source)
    family, keys = family_of(name), frozenset(arrays)
    values, used = [], set()
    for layer in model.layers:
        for variable in layer.weights:
            module = family.module_of(name, layer.name, keys)
            key = f"{module}.{_parameter(variable)}"
            if key not in arrays:
                _unfit(name, source, f"lack {key!r}")
            used.add(key)
            values.append((variable, _fitted(arrays[key], key, layer, variable, name=name, source=source)))
    # A narrow backbone has no top, and no backbone has the classifier.
    without_place = (*family.CLASSIFIERS, *family.tops(keys))
    for key in arrays:
        module, _, parameter = key.rpartition(".")
        if key not in used and module not in without_place and parameter != "num_batches_tracked":
            _unfit(name, source, f"hold {key!r}, for which it has no place")
    for variable, value in values:
        variable.assign(value)


def _unwrapped(state: Any, source: str) -> dict[str, np.ndarray]:
    """The arrays of one encoder by their names in it."""
    while isinstance(state, Mapping) and (nested := [key for key in _NESTED if isinstance(state.get(key), Mapping)]):
        state = state[nested[0]]
    if not isinstance(state, Mapping) or not state or not all(isinstance(key, str) for key in state):
        fix = "Pass model.state_dict(), or a file of it."
        _validation.fail("weights", "must hold a state dict, arrays by their names", source, fix)
    for prefix in _PREFIXES:
        inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        state = inside or state
    return {key: _array(value, key, source) for key, value in state.items()}


def _array(value: Any, key: str, source: str) -> np.ndarray:
    if hasattr(value, "detach"):  # A tensor of PyTorch, which NumPy cannot read if it is on a GPU or a bfloat16.
        value = value.detach().float().cpu().numpy()
    try:
        return np.asarray(value, "float32")
    except (TypeError, ValueError):
        fix = "Pass model.state_dict(), or a file of it."
        _validation.fail("weights", f"must hold arrays of numbers; {key!r} is a {type(value).__name__}", source, fix)


def _parameter(variable: Any) -> str:
    return _BATCH_NORM.get(variable.name, "weight")


def _fitted(array: np.ndarray, key: str, layer: Any, variable: Any, *, name: str, source: str) -> np.ndarray:
    """`array` in the layout of `variable`: PyTorch has (filters, channels, height, width)."""
    shape = tuple(variable.shape)
    value = array
    if array.ndim == 4:
        order = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)
        value = array.transpose(order)
        if len(shape) == 4 and _reads_the_image(layer) and value.shape[2] == 3:
            value = adapt_kernel(value, shape[2])
    if value.shape != shape:
        _unfit(name, source, f"have {key!r} of shape {array.shape}, which is {value.shape} in Keras and not {shape}")
    return value


def _reads_the_image(layer: Any) -> bool:
    return layer.name in ("conv1", "stem_conv")


def _unfit(name: str, source: str, reason: str) -> NoReturn:
    fix = f"These are weights of another architecture. keras_seg.backbones.build says what fits {name}."
    _validation.fail("weights", f"do not fit {name}: they {reason}", source, fix)
