"""The networks written here in the form of their PyTorch originals, whose weights they take."""

from types import ModuleType

import keras

from keras_seg.backbones import convnext_v2, efficientnet_lite, mix_transformer, mobilenet_v3, mobilenet_v4, resnet
from keras_seg.layers.preprocessing import Preprocessing

_FAMILIES = {
    resnet: "torch",
    mobilenet_v3: "torch",
    mobilenet_v4: "torch",
    convnext_v2: "torch",
    efficientnet_lite: "lite",
    mix_transformer: "torch",
}


def ported_names() -> list[str]:
    """The names of these networks."""
    return [name for family in _FAMILIES for name in family.VARIANTS]


def family_of(name: str) -> ModuleType:
    """The module that makes network `name` and knows the names of its weights elsewhere."""
    return next(family for family in _FAMILIES if name in family.VARIANTS)


def variant_of(network: keras.Model) -> str | None:
    """The name of the ported network that `network` is, by its layers, or None."""
    shapes = {layer.name: layer.weights[-1].shape for layer in network.layers if layer.weights}
    channels = {layer: shape[-1] for layer, shape in shapes.items() if shape}
    for name in ported_names():
        ends, beyond = family_of(name).signature(name)
        if ends.items() <= channels.items() and channels.keys().isdisjoint(beyond):
            return name
    return None


def in_torch_form(network: keras.Model) -> bool:
    """Whether the maps of `network` lie where PyTorch's padding puts them, also at sizes that no stride divides."""
    name = variant_of(network)
    # ConvNeXt has no padding: at such sizes the last pixels would be lost.
    return name is not None and family_of(name) not in (efficientnet_lite, convnext_v2)


def ported_backbone(
    name: str,
    input_shape: tuple[int | None, int | None, int],
    *,
    include_preprocessing: bool | str = True,
    skips: str = "wide",
    model_name: str | None = None,
) -> keras.Model:
    """Network `name`, untrained, from an image to its pyramid."""
    inputs = x = keras.Input(input_shape, name="image")
    family = family_of(name)
    if include_preprocessing:
        mode = include_preprocessing if isinstance(include_preprocessing, str) else _FAMILIES[family]
        x = Preprocessing(mode, name="preprocessing")(x)
    network = keras.Model(inputs, family.layers(name, x), name=name.lower())
    return keras.Model(inputs, family.pyramid(name, network, skips), name=model_name or network.name)
