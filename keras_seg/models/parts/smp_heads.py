"""What every state dict of segmentation_models_pytorch names alike."""

from collections.abc import Container
from typing import Any

from keras_seg import _validation

# The parts that are not the encoder.
PREFIXES = ("decoder.", "segmentation_head.", "classification_head.")
# A head for training that is not part of the models here.
UNUSED = ("classification_head.3",)
# Of scSE, by its parts.
_ATTENTION = {"squeeze": "cSE.1", "excite": "cSE.3", "places": "sSE.0"}


def stage_modules(name: str, block: str) -> dict[str, str]:
    """{layer: module} of `decoder_stage` of that name, which is the module `block`."""
    modules = {
        "up": "conv1.0",
        "up_norm": "conv1.1",
        "first_conv": "conv1.0",
        "first_norm": "conv1.1",
        "1_conv": "conv2.0",
        "1_norm": "conv2.1",
    }
    for number, where in ((1, "join"), (2, "out")):
        for part, module in _ATTENTION.items():
            modules[f"{where}_{part}"] = f"attention{number}.attention.{module}"
    return {f"{name}_{layer}": f"{block}.{module}" for layer, module in modules.items()}


def unused_attention(block: str) -> tuple[str, ...]:
    """The modules that the last stage never uses: it joins nothing, and has weights for what is joined."""
    return tuple(f"{block}.attention1.attention.{module}" for module in _ATTENTION.values())


def check_nearest(model: Any, stage: str, original: str) -> None:
    """Fail where a model enlarges maps, as in the layer `stage`, otherwise than its `original`."""
    interpolation = model.get_layer(stage).interpolation
    if interpolation != "nearest":
        rule = f"must enlarge maps by the nearest pixel, as segmentation_models_pytorch's {original}"
        _validation.fail("model", rule, f"{model.name} with {interpolation}", 'Pass interpolation="nearest".')


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Nothing but the shapes tells the nets apart that have no check of their own."""
