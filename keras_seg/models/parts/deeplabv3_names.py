"""The names of DeepLabV3's decoder in state dicts of PyTorch, and the form in which their weights were trained."""

import warnings
from collections.abc import Container
from typing import Any

from keras_seg import _validation
from keras_seg.backbones import mobilenet_v3, resnet
from keras_seg.models.parts.aux_names import fcn_modules
from keras_seg.models.parts.published_dilation import check_dilation, check_normalized_average

MODEL = "DeepLabV3"
# A layer that no other model has.
MARK = "context_conv"
BACKBONES = (*resnet.VARIANTS, *mobilenet_v3.VARIANTS)
PREFIXES = ("classifier.", "aux_classifier.", "decoder.", "segmentation_head.", "classification_head.")
AUX = fcn_modules("aux", "aux_classifier", "aux_logits")
# A head for training that is not part of the model here.
UNUSED = ("classification_head.3",)

# At every output stride, of torchvision and of segmentation_models_pytorch.
_RATES = (12, 24, 36)


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `DeepLabV3` is in a state dict with these `keys`."""
    return _modules(keys).get(layer, layer)


def _modules(keys: Container[str]) -> dict[str, str]:
    """{layer of `DeepLabV3`: its module} in a state dict with these `keys`."""
    if _of_torchvision(keys):
        pooling, context, classes = "classifier.0", ("classifier.1", "classifier.2"), "classifier.4"
    elif "decoder.aspp.project.0.weight" in keys:  # segmentation_models_pytorch
        pooling, context, classes = "decoder.aspp", ("decoder.conv", "decoder.bn"), "segmentation_head.0"
    else:  # its earlier versions
        pooling, context, classes = "decoder.0", ("decoder.1", "decoder.2"), "segmentation_head.0"
    found = {"aspp": f"{pooling}.project.{{}}", "aspp_pixel": f"{pooling}.convs.0.{{}}"}
    found |= {f"aspp_rate{index}": f"{pooling}.convs.{index}.{{}}" for index in (1, 2, 3)}
    named = {f"{block}_{part}": module.format(n) for block, module in found.items() for n, part in _PARTS}
    named |= {f"aspp_image_{part}": f"{pooling}.convs.4.{n + 1}" for n, part in _PARTS}
    return {**named, "context_conv": context[0], "context_norm": context[1], "logits": classes}


_PARTS = ((0, "conv"), (1, "norm"))


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail where the model differs from the original in what no shape shows."""
    check_normalized_average(model, "aspp_image_norm")
    rates = _rates_of(model)
    if not _of_torchvision(keys):  # Its state dict does not tell its rates and its stride, which are arguments.
        check_dilation(model, name, "segmentation_models_pytorch", strides=(8, 16), dilate_strided=True)
    elif name in mobilenet_v3.VARIANTS:
        check_dilation(model, name, "torchvision", strides=(16,), dilate_strided=True)
    else:
        check_dilation(model, name, "torchvision", strides=(8,), dilate_strided=False)
    if _of_torchvision(keys) and rates != _RATES:
        fix = f"Build the model with rates={_RATES}."
        _validation.fail("model", "must have the dilations of torchvision's", f"{model.name} with {rates}", fix)


def note(model: Any) -> None:
    """Warn where a model has other dilations than those that segmentation_models_pytorch begins with."""
    rates = _rates_of(model)
    if rates != _RATES:
        warnings.warn(
            f"{model.name} has dilations of {rates}, and segmentation_models_pytorch's DeepLabV3 has {_RATES} unless "
            f"decoder_atrous_rates says otherwise, which its weights do not tell. Build the model with rates={_RATES} "
            "if it was left out.",
            stacklevel=3,
        )


def _rates_of(model: Any) -> tuple[int, ...]:
    layers = {layer.name: layer for layer in model.layers}
    return tuple(layers[layer].dilation_rate[0] for layer in sorted(layers) if _is_rate(layer))


def _of_torchvision(keys: Container[str]) -> bool:
    return "classifier.4.weight" in keys


def _is_rate(layer: str) -> bool:
    return layer.startswith("aspp_rate") and layer.endswith("_conv")
