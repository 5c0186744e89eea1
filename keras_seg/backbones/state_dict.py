"""State dicts of PyTorch as the weights of layers: every key has its place, or the error names it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.backbones.adapt_kernel import adapt_kernel
from keras_seg.backbones.ported import family_of
from keras_seg.layers import LinearFusion

# What wraps a whole model: DataParallel, Lightning.
_WRAPPERS = ("module.", "model.")
# What torch.compile puts before the names in a compiled module, which may be the whole model or a part of it.
_COMPILED = "_orig_mod."
# What wraps an encoder: transformers, segmentation_models_pytorch, torchvision's segmentation models.
ENCODERS = ("segformer.", "encoder.", "backbone.")
# What wraps timm's networks inside of the encoders of segmentation_models_pytorch.
_TIMM = "model."
# The names of a state dict in a checkpoint with other content.
_NESTED = ("state_dict", "model_state_dict", "model")
_PARAMETERS = {
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_READS_THE_IMAGE = ("conv1", "stem_conv", "stage1_embed_conv")


def load_state_dict(model: keras.Model, name: str, state: Mapping[str, ArrayLike], source: str) -> None:
    """Fill `model`, a backbone of the ported network `name`, from a state dict of its original.

    Nothing is assigned unless all of it fits. `source` is what errors call the weights.
    """
    match_encoder(model, name, arrays_of(state, source), source).assign()


def match_encoder(model: keras.Model, name: str, arrays: Mapping[str, np.ndarray], source: str) -> "Matching":
    """The weights of `model`, a backbone of the ported network `name`, among `arrays` of a whole model or of it."""
    family = family_of(name)
    # First, as "encoder." is the middle of a network in some of these names.
    arrays = inside(_renamed(arrays, getattr(family, "OTHER_NAMES", ())), (*ENCODERS, _TIMM))
    keys = frozenset(arrays)
    matching = Matching(arrays, name, source)
    matching.match(model.layers, lambda layer: family.module_of(name, layer, keys), family.part_of)
    # A narrow backbone has no top, and no backbone has the classifier.
    matching.check_rest((*family.CLASSIFIERS, *family.tops(keys)))
    return matching


def arrays_of(state: Any, source: str) -> dict[str, np.ndarray]:
    """The arrays of a state dict by their names in the model that wrote it, without what wraps them."""
    while isinstance(state, Mapping) and (nested := [key for key in _NESTED if isinstance(state.get(key), Mapping)]):
        state = state[nested[0]]
    if not isinstance(state, Mapping) or not state or not all(isinstance(key, str) for key in state):
        fix = "Pass model.state_dict(), or a file of it."
        _validation.fail("weights", "must hold a state dict, arrays by their names", source, fix)
    named = {key.replace(_COMPILED, ""): value for key, value in state.items()}
    return {key: _array(value, key, source) for key, value in inside(named, _WRAPPERS).items()}


def inside(arrays: Mapping[str, Any], prefixes: Iterable[str]) -> Mapping[str, Any]:
    """The arrays under each prefix in turn, by their names behind it; all of them where none has it."""
    for prefix in prefixes:
        found = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        arrays = found or arrays
    return arrays


def _renamed(arrays: Mapping[str, np.ndarray], names: Iterable[tuple[str, str]]) -> dict[str, np.ndarray]:
    """The arrays with every (pattern, name) replaced in their keys, one after the other."""
    found = dict(arrays)
    for pattern, name in names:
        found = {re.sub(pattern, name, key): array for key, array in found.items()}
    return found


class Matching:
    """Variables of layers with the arrays of a state dict that they get.

    Args:
        arrays: dict of arrays by the names they have in the state dict.
        name: str. What errors call the network.
        source: str. What errors call the weights.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str, source: str) -> None:
        self._arrays, self._name, self._source = arrays, name, source
        self._values: list[tuple[Any, np.ndarray]] = []
        self._used: set[str] = set()

    def match(
        self,
        layers: Iterable[Any],
        module_of: Callable[[str], str],
        part_of: Callable[[str, str, np.ndarray], np.ndarray] = lambda layer, module, array: array,
    ) -> None:
        """Find an array of the right shape for each variable of `layers`, whose modules `module_of` names.

        A layer that normalizes itself has two modules, that of `{layer}` and that of `{layer}_norm`.
        """
        for layer in layers:
            for name, variable in _named_weights(layer):
                module = module_of(name)
                key = f"{module}.{_PARAMETERS.get(variable.name, 'weight')}"
                if key not in self._arrays:
                    self._unfit(f"lack {key!r}")
                self._used.add(key)
                array = part_of(name, module, self._arrays[key])
                self._values.append((variable, self._fitted(array, key, layer, variable)))

    def match_variable(
        self,
        variable: Any,
        key: str,
        shape: tuple[int, ...],
        arrange: Callable[[np.ndarray], np.ndarray] = lambda array: array,
    ) -> None:
        """Give `variable` what `arrange` makes of the array `key`, which must have this `shape`."""
        if key not in self._arrays:
            self._unfit(f"lack {key!r}")
        array = self._arrays[key]
        if array.shape != shape:
            self._unfit(f"have {key!r} of shape {array.shape} and not {shape}")
        self._used.add(key)
        self._values.append((variable, arrange(array)))

    def check_rest(self, without_place: Iterable[str]) -> None:
        """Fail if an array was not matched, unless its module is one of those `without_place`."""
        without_place = tuple(without_place)
        for key in self._arrays:
            module, _, parameter = key.rpartition(".")
            if key not in self._used and module not in without_place and parameter != "num_batches_tracked":
                self._unfit(f"hold {key!r}, for which it has no place")

    def assign(self) -> None:
        """Fill the variables."""
        for variable, value in self._values:
            variable.assign(value)

    def _fitted(self, array: np.ndarray, key: str, layer: Any, variable: Any) -> np.ndarray:
        """`array` in the layout of `variable`: PyTorch has (filters, channels, height, width)."""
        shape = tuple(variable.shape)
        value = array
        if array.ndim == 2 and len(shape) == 4:  # A linear layer on positions is a 1x1 convolution.
            value = array[:, :, None, None]
        if value.ndim == 4:
            order = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)
            value = value.transpose(order)
            if isinstance(layer, keras.layers.DepthwiseConv2D) and value.size == np.prod(shape):
                value = np.reshape(value, shape)  # Several filters per channel are counted together there.
            if len(shape) == 4 and layer.name in _READS_THE_IMAGE and value.shape[2] == 3:
                value = adapt_kernel(value, shape[2])
        if value.shape != shape:
            self._unfit(f"have {key!r} of shape {array.shape}, which is {value.shape} in Keras and not {shape}")
        return value

    def _unfit(self, reason: str) -> NoReturn:
        fix = f"These are weights of another architecture. keras_seg.backbones.build says what fits {self._name}."
        _validation.fail("weights", f"do not fit {self._name}: they {reason}", self._source, fix)


def _named_weights(layer: Any) -> Iterator[tuple[str, Any]]:
    """(layer, variable) for each variable; those of a normalization inside of it are of `{layer}_norm`.

    A `LinearFusion` stands for several layers of the original, which are its parts.
    """
    if isinstance(layer, LinearFusion):
        for part in layer.parts:
            yield from _named_weights(part)
        return
    inner: Any = getattr(layer, "normalize", None)
    normalizing = {id(variable) for variable in inner.weights} if isinstance(inner, keras.layers.Layer) else set()
    for variable in layer.weights:
        yield f"{layer.name}_norm" if id(variable) in normalizing else layer.name, variable


def _array(value: Any, key: str, source: str) -> np.ndarray:
    if hasattr(value, "detach"):  # A tensor of PyTorch, which NumPy cannot read if it is on a GPU or a bfloat16.
        value = value.detach().float().cpu().numpy()
    try:
        return np.asarray(value, "float32")
    except (TypeError, ValueError):
        fix = "Pass model.state_dict(), or a file of it."
        _validation.fail("weights", f"must hold arrays of numbers; {key!r} is a {type(value).__name__}", source, fix)
