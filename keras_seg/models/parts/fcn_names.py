"""The names of FCN's head in state dicts of torchvision."""

from collections.abc import Container
from typing import Any

from keras_seg.backbones import resnet
from keras_seg.models.parts.aux_names import fcn_modules
from keras_seg.models.parts.published_dilation import check_dilation

MODEL = "FCN"
# A layer that no other model has.
MARK = "fcn_conv"
BACKBONES = tuple(resnet.VARIANTS)
PREFIXES = ("classifier.", "aux_classifier.")
AUX = fcn_modules("aux", "aux_classifier", "aux_logits")
UNUSED = ()

_MODULES = fcn_modules("fcn", "classifier", "logits")


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `FCN` is."""
    return _MODULES.get(layer, layer)


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail where the model is dilated otherwise than the original."""
    check_dilation(model, name, "torchvision", strides=(8,), dilate_strided=False)
