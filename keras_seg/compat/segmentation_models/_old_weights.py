"""Weights files of Keras 2: HDF5 with a group for each layer."""

import itertools
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h5py
import keras
import numpy as np

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.compat.segmentation_models._features import automatic_number

# What Keras calls layers with weights that have no name of their own.
_AUTOMATIC = ("conv2d", "batch_normalization", "separable_conv2d", "depthwise_conv2d", "dense")


def holds_old_weights(path: PathLike) -> bool:
    """Whether a file holds the weights, or a whole model, in the format of Keras 2.

    Raises:
        InputError: There is no such file.
    """
    if not os.path.isfile(path):
        raise InputError(f"{path}: there is no such file. Check the path of the weights.")
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "layer_names" in _weights_of(file).attrs or "layer_names0" in _weights_of(file).attrs


def load_old_weights(model: keras.Model, path: PathLike, *, skip_mismatch: bool = False) -> None:
    """Copy the weights of a file of Keras 2 into the layers of equal names.

    Layers that Keras named itself, such as conv2d_7, are matched in the order of their numbers. A convolution with
    groups is one layer per group in such files.

    Args:
        model: keras.Model without models inside.
        path: path. A file for which `holds_old_weights` is true.
        skip_mismatch: bool. Whether layers whose weights have other shapes in the file keep theirs, which a warning
            names. Defaults to False.

    Raises:
        InputError: The layers or their shapes differ; the model is unchanged then.
    """
    with h5py.File(path, "r") as file:
        group = _weights_of(file)
        stored = {name: arrays for name in _names(group, "layer_names") if (arrays := _arrays(group[name]))}
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    pairs = _matched(layers, list(stored))
    missing = [name for name in layers if name not in pairs]
    unused = sorted(set(stored).difference(*pairs.values()))
    if missing or unused:
        what = f"no weights for layer {missing[0]}" if missing else f"layer {unused[0]}, which the model lacks"
        raise InputError(
            f"{path}: holds {what}: it is of another model. Build the one that was saved, with its backbone_name, "
            "classes and decoder options."
        )
    values = {name: _joined([stored[part] for part in parts]) for name, parts in pairs.items()}
    unfit = [name for name, arrays in values.items() if _shapes(layers[name].weights) != _shapes(arrays)]
    if unfit and not skip_mismatch:
        shapes, found = _shapes(layers[unfit[0]].weights), _shapes(values[unfit[0]])
        raise InputError(
            f"{path}: layer {unfit[0]} has weights of shape {shapes}, but the file holds {found}. Build the model that "
            "was saved; its classes and input channels count."
        )
    if unfit:
        names = ", ".join(unfit)
        warnings.warn(f"{path}: the weights of {names} have other shapes there, and are not loaded.", stacklevel=3)
    for name, arrays in values.items():
        if name not in unfit:
            layers[name].set_weights(arrays)


def _shapes(arrays: Iterable[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


def _weights_of(file: h5py.File) -> Any:
    return file.get("model_weights", file)


def _names(group: Any, key: str) -> list[str]:
    """An attribute that holds names; Keras divided long lists over several attributes."""
    keys = (
        [key]
        if key in group.attrs
        else itertools.takewhile(group.attrs.__contains__, (f"{key}{part}" for part in itertools.count()))
    )
    names = [name for own in keys for name in group.attrs[own]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _arrays(group: Any) -> list[np.ndarray]:
    return [np.asarray(group[name]) for name in _names(group, "weight_names")]


def _matched(layers: Mapping[str, keras.layers.Layer], stored: Sequence[str]) -> dict[str, list[str]]:
    """{layer: its names in the file}: equal names, and those of Keras in the order of their numbers."""
    # Keras 2 named the layers of DenseNet with slashes.
    flat = {name.replace("/", "_"): name for name in stored}
    named = [name for name in layers if all(automatic_number(name, kind) is None for kind in _AUTOMATIC)]
    pairs = {name: parts for name in named if (parts := _of_equal_name(name, _groups(layers[name]), flat))}
    # The groups of ResNeXts have names in some files only.
    nameless = [name for name in named if name not in pairs and _groups(layers[name]) > 1]
    for kind in _AUTOMATIC:
        own = [*(nameless if kind == "conv2d" else ()), *_numbered(layers, kind)]
        found = [flat[name] for name in _numbered(flat, kind)]
        whole, rest = len(found) == len(own), iter(found)
        for name in own:
            parts = list(itertools.islice(rest, 1 if whole else _groups(layers[name])))
            if parts:
                pairs[name] = parts
    return pairs


def _of_equal_name(name: str, groups: int, stored: Mapping[str, str]) -> list[str]:
    """The names in the file of a layer's parts: its own, or that with a number for each of its groups."""
    parts = [name] if name in stored else [f"{name}_{number}" for number in range(groups)]
    return [stored[part] for part in parts] if all(part in stored for part in parts) else []


def _groups(layer: keras.layers.Layer) -> int:
    return getattr(layer, "groups", 1)


def _joined(parts: Sequence[list[np.ndarray]]) -> list[np.ndarray]:
    """The weights of a convolution from those of its groups; of the first group where they cannot be joined."""
    alike = all([array.shape for array in part] == [array.shape for array in parts[0]] for part in parts)
    return [np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)] if alike else parts[0]


def _numbered(names: Iterable[str], kind: str) -> list[str]:
    """The names that Keras gave to layers of a kind, in the order of their numbers."""
    found = {name: number for name in names if (number := automatic_number(name, kind)) is not None}
    return sorted(found, key=found.__getitem__)
