"""Pretrained weights for a backbone: download or file, and their adaptation to any number of channels."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

import keras
import numpy as np
from keras.src.utils import file_utils  # Keras' own name for its download is needed: see `_recorded_downloads`.

from keras_seg import _validation
from keras_seg._types import PathLike, Tensor
from keras_seg.backbones.applications import preprocessing_mode, published_network


def load_weights(network: keras.Model, name: str, weights: PathLike) -> None:
    """Fill `network`, made by `applications.network(name, ...)`, from `"imagenet"` or a weights file."""
    if weights == "imagenet":
        _copy(_download(name), network, name)
        return
    _check_file(weights)
    donor = published_network(name)
    try:
        _load(donor, weights)
    except Exception as error:
        # If it is not the published layout for three channels, it is one of ours with this number of channels.
        try:
            _load(network, weights)
        except Exception:
            _misfit(weights, name, error)
    else:
        _copy(donor, network, name)


def load_own_weights(network: keras.Model, weights: PathLike) -> None:
    """Fill `network` from a weights file of the same network."""
    if weights == "imagenet":
        fix = "Pass the name of a keras.applications network, or weights=None or a file."
        _validation.fail("weights", f"has no published file for {network.name!r}", weights, fix)
    _check_file(weights)
    try:
        _load(network, weights)
    except Exception as error:
        _misfit(weights, network.name, error)


def _load(network: keras.Model, weights: PathLike) -> None:
    with warnings.catch_warnings():
        # Keras' record of graph depths ("container_131") differs between networks with and without a Preprocessing
        # layer. It holds no weights: a layer whose weights are missing is an error.
        warnings.filterwarnings("ignore", message="Skipping nested container")
        network.load_weights(weights)


def adapt_kernel(kernel: Tensor, channels: int, *, bgr: bool = False) -> np.ndarray:
    """The first convolution's `kernel` for three colors, adapted to `channels` input channels.

    - One or two channels: each gets the sum of the three colors' kernels, divided by the number of channels.
    - More than three: channel `i` gets the kernel of color `i % 3` (R, G, B), divided by the number of channels that
      share the color.

    The sum of the kernels does not change, so an image that is equal in all channels (gray) keeps the response it had
    in color: with more than three channels exactly, with one or two if the three colors are normalized alike (exactly
    in the modes `"tf"` and `"tf128"`; otherwise their constants are replaced by the mean).

    Args:
        kernel: array. (height, width, 3, filters).
        channels: int. The channels to adapt to.
        bgr: bool. Whether `kernel` expects blue first (`"caffe"`); `channels` other than three are never swapped.
            Defaults to False.

    Returns:
        An array (height, width, channels, filters).
    """
    kernel = np.asarray(kernel)
    if channels == 3:
        return kernel
    if channels < 3:
        return np.repeat(kernel.sum(axis=2, keepdims=True) / channels, channels, axis=2)
    colors = np.arange(channels) % 3
    shared = np.bincount(colors)[colors].astype(kernel.dtype)
    rgb = kernel[:, :, ::-1] if bgr else kernel
    return rgb[:, :, colors] / shared[:, None]


def _copy(donor: keras.Model, network: keras.Model, name: str) -> None:
    """Copy all weights of a three-channel `donor` into `network`, adapting the one kernel that sees the image."""
    bgr = preprocessing_mode(name) == "caffe"
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


def _download(name: str) -> keras.Model:
    with _recorded_downloads() as downloads:
        try:
            return published_network(name, weights="imagenet")
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


def _check_file(weights: PathLike) -> None:
    if not isinstance(weights, (str, os.PathLike)):
        _validation.fail("weights", 'must be None, "imagenet" or a path', weights)
    if not os.path.isfile(weights):
        fix = 'Pass None, "imagenet", or the path of a .weights.h5, .h5 or .keras file.'
        _validation.fail("weights", "names no existing file", str(weights), fix)


def _misfit(weights: PathLike, name: str, error: Exception) -> NoReturn:
    reason = " ".join(str(error).split())
    if len(reason) > 300:
        reason = reason[:300] + "..."
    _validation.fail("weights", f"does not hold weights that fit {name}", str(weights), f"Keras says: {reason}")
