"""Weights for the networks in PyTorch's form: from packages, downloads, files and state dicts."""

import hashlib
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import PathLike, Weights
from keras_seg.backbones import convnext_v2
from keras_seg.backbones.array_files import SUFFIXES, read_arrays
from keras_seg.backbones.imagenet_packages import packaged_names, packaged_weights
from keras_seg.backbones.ported import family_of, ported_backbone
from keras_seg.backbones.state_dict import load_state_dict
from keras_seg.backbones.weights import existing_file, explained_download, load_file

# The files end in the first eight digits of their SHA-256. The ResNets are those of 2015's recipe, as in
# segmentation_models_pytorch; the EfficientNets are TensorFlow's weights, converted by timm.
_ADDRESSES = {
    "ResNet18": "https://download.pytorch.org/models/resnet18-f37072fd.pth",
    "ResNet34": "https://download.pytorch.org/models/resnet34-b627a593.pth",
    "ResNet50Torchvision": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    "ResNet101Torchvision": "https://download.pytorch.org/models/resnet101-63fe2227.pth",
    "MobileNetV3LargeTorchvision": "https://download.pytorch.org/models/mobilenet_v3_large-8738ca79.pth",
    "MobileNetV3SmallTorchvision": "https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth",
    "EfficientNetLite3": "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"
    "tf_efficientnet_lite3-b733e338.pth",
    "EfficientNetLite4": "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"
    "tf_efficientnet_lite4-741542c3.pth",
}
_LICENSED = ("as their license limits their use", "If you may use them")
_UNVERIFIED = ("as there is no checksum here to verify them by", "If you trust them")
_TIMM = "https://huggingface.co/timm"
# Why weights are not downloaded, and where they are.
_BY_HAND = {
    **{
        f"MiTB{number}": (*_LICENSED, f"https://huggingface.co/nvidia/mit-b{number}/resolve/main/pytorch_model.bin")
        for number in range(6)
    },
    **{
        name: (*_UNVERIFIED, f"{_TIMM}/{model}/resolve/main/model.safetensors")
        for name, model in (
            ("MobileNetV4ConvSmall", "mobilenetv4_conv_small.e2400_r224_in1k"),
            ("MobileNetV4ConvMedium", "mobilenetv4_conv_medium.e500_r256_in1k"),
        )
    },
    **{
        name: (*_LICENSED, f"{_TIMM}/{name.lower().replace('v2', 'v2_')}.fcmae_ft_in1k/resolve/main/model.safetensors")
        for name in convnext_v2.VARIANTS
    },
}
_SUFFIXES = f".weights.h5, .keras, {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


def load_ported_weights(model: keras.Model, name: str, weights: Weights, *, skips: str) -> None:
    """Fill `model`, a backbone of the ported network `name`."""
    if weights == "imagenet":
        state = packaged_weights(name) if name in packaged_names() else _downloaded(name)
        load_state_dict(model, name, state, "imagenet")
        return
    given = weights if isinstance(weights, Mapping) else existing_file(weights, _SUFFIXES)
    if not isinstance(given, Mapping) and pathlib.PurePath(given).suffix.lower() not in SUFFIXES:
        load_file(model, name, given, donor=ported_backbone(name, (None, None, 3), skips=skips))
        return
    state, source = read_state(given)
    load_state_dict(model, name, state, source)
    note_license(name)


def read_state(weights: Mapping[str, Any] | PathLike) -> tuple[Mapping[str, Any], str]:
    """(state dict, what errors call it) of a state dict or of a file that holds one."""
    if isinstance(weights, Mapping):
        return weights, f"a dict of {len(weights)} entries"
    return read_arrays(weights), str(weights)


def note_license(name: str) -> None:
    """Warn where the published weights of network `name` are not free."""
    note = family_of(name).LICENSE
    if note is not None:
        warnings.warn(note, stacklevel=2)


def _downloaded(name: str) -> Mapping[str, Any]:
    if name in _BY_HAND:
        reason, condition, address = _BY_HAND[name]
        fix = f"{condition}, fetch {address} and pass its path."
        _validation.fail("weights", f"of {name} are not downloaded, {reason}", "imagenet", fix)
    address = _ADDRESSES[name]
    with explained_download(name):
        path = pathlib.Path(keras.utils.get_file(origin=address, cache_subdir="models"))
    if hashlib.sha256(path.read_bytes()).hexdigest()[:8] != path.stem[-8:]:
        fix = f"Delete {path}, or replace it by {address}."
        _validation.fail("weights", f"cannot come from {path}, which is not the published file", "imagenet", fix)
    return read_arrays(path)
