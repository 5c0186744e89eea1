"""The networks written here in the form of their PyTorch originals, whose weights they take."""

from types import ModuleType

import keras

from keras_seg.backbones import efficientnet_lite, mix_transformer, resnet
from keras_seg.layers.preprocessing import Preprocessing

_FAMILIES = {resnet: "torch", efficientnet_lite: "lite", mix_transformer: "torch"}


def ported_names() -> list[str]:
    """The names of these networks."""
    return [name for family in _FAMILIES for name in family.VARIANTS]


def family_of(name: str) -> ModuleType:
    """The module that makes network `name` and knows the names of its weights elsewhere."""
    return next(family for family in _FAMILIES if name in family.VARIANTS)


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
