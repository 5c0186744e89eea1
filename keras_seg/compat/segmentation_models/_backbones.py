"""The backbones of segmentation_models 1.0.1: how each is built, its feature layers, and its preprocessing."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import keras

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.backbones.weights import explained_download
from keras_seg.compat.segmentation_models import _residual, _resnext, _senet
from keras_seg.compat.segmentation_models._features import Nth
from keras_seg.compat.segmentation_models._old_weights import holds_old_weights, load_old_weights

_Features = tuple[str | Nth, ...]


class _Backbone(NamedTuple):
    """A network of keras.applications.

    Attributes:
        network: its name there.
        module: that of the module with its `preprocess_input`.
        features: layers with the features, from 1/16 of the size to full size.
        adapted: what is done with the network before its features are taken, or None.
    """

    network: str
    module: str
    features: _Features
    adapted: Callable[[keras.Model], keras.Model] | None = None


def _without_scaling(network: keras.Model) -> keras.Model:
    """EfficientNet without the normalization that Keras put inside: there, images are normalized before."""
    scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    return _changed(
        network,
        lambda layer: keras.layers.Identity(name=layer.name) if isinstance(layer, scaling) else _again(layer),
    )


def _same_padding(network: keras.Model) -> keras.Model:
    """Inception with all paddings "same", so that sizes are halved exactly."""

    def change(layer: keras.layers.Layer) -> keras.layers.Layer:
        return _again(layer, padding="same") if getattr(layer, "padding", None) == "valid" else _again(layer)

    return _changed(network, change)


def _again(layer: keras.layers.Layer, **changes: str) -> keras.layers.Layer:
    return type(layer).from_config(layer.get_config() | changes)


def _changed(network: keras.Model, change: Callable[[keras.layers.Layer], keras.layers.Layer]) -> keras.Model:
    """The network with other layers in place of its own, and its weights."""
    changed = keras.models.clone_model(network, clone_function=change)
    for layer, old in zip(changed.layers, network.layers, strict=True):
        if layer.weights:
            layer.set_weights(old.get_weights())
    return changed


def _vgg(convolutions: int) -> _Features:
    """The last layer of each block, of which the deep ones have so many convolutions."""
    return tuple(f"block{block}_conv{convolutions if block > 2 else 2}" for block in (5, 4, 3, 2, 1))


_EFFICIENT_NET = tuple(f"block{block}_expand_activation" for block in ("6a", "4a", "3a", "2a"))
_DENSE_NET = ("pool4_conv", "pool3_conv", "pool2_conv", "conv1_relu")
_INCEPTION = (Nth("activation", 4), Nth("activation", 2))
_APPLICATIONS = {
    "vgg16": _Backbone("VGG16", "vgg16", _vgg(3)),
    "vgg19": _Backbone("VGG19", "vgg19", _vgg(4)),
    "densenet121": _Backbone("DenseNet121", "densenet", _DENSE_NET),
    "densenet169": _Backbone("DenseNet169", "densenet", _DENSE_NET),
    "densenet201": _Backbone("DenseNet201", "densenet", _DENSE_NET),
    "inceptionv3": _Backbone(
        "InceptionV3",
        "inception_v3",
        ("mixed7", "mixed2", *_INCEPTION),
        _same_padding,
    ),
    "inceptionresnetv2": _Backbone(
        "InceptionResNetV2",
        "inception_resnet_v2",
        ("block17_20_ac", "block35_10_ac", *_INCEPTION),
        _same_padding,
    ),
    "mobilenet": _Backbone("MobileNet", "mobilenet", tuple(f"conv_pw_{number}_relu" for number in (11, 5, 3, 1))),
    "mobilenetv2": _Backbone(
        "MobileNetV2", "mobilenet_v2", tuple(f"block_{number}_expand_relu" for number in (13, 6, 3, 1))
    ),
    **{
        f"efficientnetb{size}": _Backbone(f"EfficientNetB{size}", "efficientnet", _EFFICIENT_NET, _without_scaling)
        for size in range(8)
    },
}
# The networks of classification_models, which has its own.
_FAMILIES = (_residual, _resnext, _senet)
_RELEASE = "https://github.com/qubvel/classification_models/releases/download/0.0.1/"


def get_available_backbone_names() -> list[str]:
    """The names of the backbones.

    Examples:
        >>> import keras_seg.compat.segmentation_models as sm
        >>> "resnet34" in sm.get_available_backbone_names()
        True
    """
    return [*(name for family in _FAMILIES for name in family.VARIANTS), *_APPLICATIONS]


def get_preprocessing(name: str) -> Callable[..., Any]:
    """The function that prepares images (0..255, RGB) for a backbone.

    As there, it takes any other keyword arguments too: `Lambda` of Albumentations passes facts about the image.

    Args:
        name: str. A backbone; ResNets and ResNeXts take images as they are.

    Examples:
        >>> import numpy as np
        >>> import keras_seg.compat.segmentation_models as sm
        >>> sm.get_preprocessing("mobilenetv2")(np.array([[[[0.0, 127.5, 255.0]]]])).tolist()
        [[[[-1.0, 0.0, 1.0]]]]
    """
    _check_name(name)
    return functools.partial(_prepared, _preprocessing(name))


def _preprocessing(name: str) -> Callable[..., Any]:
    family = _family(name)
    if family is not None:
        return family.preprocess
    module = _APPLICATIONS[name].module
    if module == "efficientnet":
        # Keras' own does nothing: there, the network normalizes.
        return functools.partial(keras.applications.imagenet_utils.preprocess_input, mode="torch")
    return getattr(keras.applications, module).preprocess_input


def _prepared(preprocess: Callable[..., Any], x: Any, data_format: str | None = None, **_: Any) -> Any:
    """The images as a backbone expects them; further keyword arguments have no effect."""
    return preprocess(x, data_format=data_format)


def get_feature_layers(name: str, count: int) -> _Features:
    """The first layers with features of a backbone."""
    family = _family(name)
    features = _APPLICATIONS[name].features if family is None else family.features(name)
    return features[:count]


def get_backbone(name: str, input_shape: tuple[int | None, ...], weights: str | None) -> keras.Model:
    """A backbone without its classifier.

    Args:
        name: str.
        input_shape: (height, width, channels); None for any height and width.
        weights: None for random ones, "imagenet", or the path of a weights file of the backbone.
    """
    _check_name(name)
    if keras.config.image_data_format() != "channels_last":
        raise InputError("Models are made for channels last. Call keras.config.set_image_data_format('channels_last').")
    input_shape = _validation.image_shape("input_shape", input_shape)
    family = _family(name)
    if family is not None:
        backbone = family.build(name, input_shape)
        released = family.FILES[name]
        if weights in released:
            data, md5 = released[weights]
            file = f"{name}_{data}_no_top.h5"
            with explained_download(name):
                weights = keras.utils.get_file(file, _RELEASE + file, cache_subdir="models", file_hash=md5)
        _load(backbone, weights)
        return backbone
    entry = _APPLICATIONS[name]
    is_path = weights not in (None, "imagenet")
    with explained_download(name):
        network = getattr(keras.applications, entry.network)(
            include_top=False, weights=None if is_path else weights, input_shape=input_shape
        )
    if entry.adapted is not None:
        network = entry.adapted(network)
    if is_path:
        _load(network, weights)
    return network


def _load(network: keras.Model, weights: str | None) -> None:
    if weights is None:
        return
    if holds_old_weights(weights):
        load_old_weights(network, weights)
    else:
        network.load_weights(weights)


def _family(name: str) -> ModuleType | None:
    """The module that builds a backbone; None for those of keras.applications."""
    return next((family for family in _FAMILIES if name in family.VARIANTS), None)


def _check_name(name: str) -> None:
    _validation.one_of("backbone_name", name, get_available_backbone_names())
