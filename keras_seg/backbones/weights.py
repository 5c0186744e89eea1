"""Pretrained weights for a backbone: download or file, and their adaptation to any number of channels."""

import contextlib
import os
import pathlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import keras
import numpy as np
from keras.src.utils import file_utils  # Keras' own name for its download is needed: see `_recorded_downloads`.

from keras_seg import _validation
from keras_seg._types import PathLike, Weights
from keras_seg.backbones.adapt_kernel import adapt_kernel
from keras_seg.backbones.applications import preprocessing_mode, published_network
from keras_seg.backbones.array_files import SUFFIXES
from keras_seg.backbones.ported import ported_names


def load_weights(network: keras.Model, name: str, weights: Weights) -> None:
    """Fill `network`, made by `applications.network(name, ...)`, from `"imagenet"` or a weights file."""
    bgr = preprocessing_mode(name) == "caffe"
    if weights == "imagenet":
        with explained_download(name):
            donor = published_network(name, weights="imagenet")
        _copy(donor, network, bgr=bgr)
        return
    path = _keras_file(weights)
    load_file(network, name, path, donor=published_network(name), bgr=bgr)


def load_file(network: keras.Model, name: str, path: PathLike, *, donor: keras.Model, bgr: bool = False) -> None:
    """Fill `network` from a file of Keras for `donor`, its form for three colors, or for `network` itself."""
    try:
        _load(donor, path)
    except Exception as error:
        # If it is not the layout for three channels, it is one of ours with this number of channels.
        try:
            _load(network, path)
        except Exception:
            _misfit(path, name, error)
    else:
        _copy(donor, network, bgr=bgr)


def load_own_weights(network: keras.Model, weights: Weights) -> None:
    """Fill `network` from a weights file of the same network."""
    if weights == "imagenet":
        fix = "Pass the name of a keras.applications network, or weights=None or a file."
        _validation.fail("weights", f"has no published file for {network.name!r}", weights, fix)
    path = _keras_file(weights)
    try:
        _load(network, path)
    except Exception as error:
        _misfit(path, network.name, error)


def _load(network: keras.Model, weights: PathLike) -> None:
    with warnings.catch_warnings():
        # Keras' record of graph depths ("container_131") differs between networks with and without a Preprocessing
        # layer. It holds no weights: a layer whose weights are missing is an error.
        warnings.filterwarnings("ignore", message="Skipping nested container")
        network.load_weights(weights)


def _copy(donor: keras.Model, network: keras.Model, *, bgr: bool) -> None:
    """Copy all weights of a three-channel `donor` into `network`, adapting the one kernel that sees the image."""
    targets, values = _weights(network), _weights(donor)
    for target, value in zip(targets, values, strict=True):
        value = np.asarray(keras.ops.convert_to_numpy(value))
        if tuple(target.shape) != value.shape:
            value = adapt_kernel(value, target.shape[-2], bgr=bgr)
        target.assign(value)


def _weights(network: keras.Model) -> list[Any]:
    """The weights of `network` without those of Normalization layers: our Preprocessing takes their place."""
    return [
        weight
        for layer in network.layers
        if not isinstance(layer, keras.layers.Normalization)
        for weight in layer.weights
    ]


@contextlib.contextmanager
def explained_download(name: str) -> Iterator[None]:
    """A block in which Keras downloads weights of network `name`; an error says which file to put where."""
    with _recorded_downloads() as downloads:
        try:
            yield
        except Exception as error:
            if not downloads:
                raise
            address, path = downloads[-1]
            folder, file = os.path.split(path)
            fix = (
                f"Fetch {address} elsewhere and put it into {folder} as {file}; "
                "or pass weights=None, or weights= the path of a file you have."
            )
            reason = " ".join(str(error).replace(f" on {address}", "").split()).rstrip(".")
            _validation.fail("weights", f"could not be downloaded for {name} ({reason})", "imagenet", fix)


@contextlib.contextmanager
def _recorded_downloads() -> Iterator[list[tuple[str, str]]]:
    """A list that gets the (address, path) of each file that Keras begins to download.

    An error of `keras.utils.get_file` holds the address alone, and the rule by which it chooses the folder (KERAS_HOME,
    ~/.keras, or /tmp where that cannot be written) is not public; so the one call that has both is recorded.
    """
    downloads, retrieve = [], file_utils.urlretrieve

    def record(address: str, path: str, *args: Any) -> Any:
        downloads.append((address, str(path)))
        return retrieve(address, path, *args)

    file_utils.urlretrieve = record
    try:
        yield downloads
    finally:
        file_utils.urlretrieve = retrieve


def existing_file(
    weights: Weights, suffixes: str = ".weights.h5, .h5 or .keras", *, others: str = 'None, "imagenet"'
) -> PathLike:
    """`weights`, if it is the path of a file. `others` is what the caller takes besides."""
    if not isinstance(weights, (str, os.PathLike)):
        fix = "Pass its state_dict()." if _is_module(weights) else ""
        _validation.fail("weights", f"must be {others} or a path", described(weights), fix)
    if not os.path.isfile(weights):
        rule = "names a folder, not a file" if os.path.isdir(weights) else "names no existing file"
        _validation.fail("weights", rule, str(weights), f"Pass {others}, or the path of a {suffixes} file.")
    return weights


def described(weights: Any) -> Any:
    """What errors show of `weights`: a state dict, or a model of PyTorch, would be pages of text."""
    if isinstance(weights, Mapping):
        return f"a dict of {len(weights)} entries"
    if _is_module(weights):
        return type(weights)
    return str(weights) if isinstance(weights, os.PathLike) else weights


def _is_module(weights: Any) -> bool:
    """Whether `weights` is a model of PyTorch; with Keras on PyTorch, each of its layers is a module too."""
    return hasattr(weights, "state_dict") and not isinstance(weights, keras.layers.Layer)


def _keras_file(weights: Weights) -> PathLike:
    """`weights`, if it is the path of a file that may be Keras'."""
    of_torch = isinstance(weights, (str, os.PathLike)) and pathlib.PurePath(weights).suffix.lower() in SUFFIXES
    if of_torch or isinstance(weights, Mapping) or _is_module(weights):
        fix = f"Pass a file saved by Keras, or name a backbone in PyTorch's form: {', '.join(ported_names())}."
        rule = "are PyTorch's, whose layers differ from those of this backbone"
        _validation.fail("weights", rule, described(weights), fix)
    return existing_file(weights)


def _misfit(weights: PathLike, name: str, error: Exception) -> NoReturn:
    reason = " ".join(str(error).split())
    if len(reason) > 300:
        reason = reason[:300] + "..."
    _validation.fail("weights", f"does not hold weights that fit {name}", str(weights), f"Keras says: {reason}")
