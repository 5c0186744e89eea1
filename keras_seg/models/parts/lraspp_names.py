"""The names of LR-ASPP's decoder in state dicts of torchvision, and the form in which its weights were trained."""

from collections.abc import Container
from typing import Any

from keras_seg.backbones import mobilenet_v3
from keras_seg.models.parts.published_dilation import check_dilation

MODEL = "LRASPP"
# A layer that no other model has.
MARK = "deep_logits"
CLASSES = ("deep_logits", "early_logits")
BACKBONES = tuple(mobilenet_v3.VARIANTS)
PREFIXES = ("classifier.",)
UNUSED = ()


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `LRASPP` is in a state dict with these `keys`."""
    return _modules(keys).get(layer, layer)


def _modules(keys: Container[str]) -> dict[str, str]:
    """{layer of `LRASPP`: its module}."""
    return {
        "deep_conv": "classifier.cbr.0",
        "deep_norm": "classifier.cbr.1",
        "average_conv": "classifier.scale.1",
        "deep_logits": "classifier.high_classifier",
        "early_logits": "classifier.low_classifier",
    }


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail where the model differs from the original in what no shape shows."""
    check_dilation(model, name, "torchvision", strides=(16,), dilate_strided=True)
