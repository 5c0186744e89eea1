"""What every state dict of segmentation_models_pytorch names alike."""

from collections.abc import Container
from typing import Any

# The parts that are not the encoder.
PREFIXES = ("decoder.", "segmentation_head.", "classification_head.")
# A head for training that is not part of the models here.
UNUSED = ("classification_head.3",)


def stage_modules(name: str, block: str) -> dict[str, str]:
    """{layer: module} of `decoder_stage` of that name, which is the module `block`."""
    numbers = {"up": "1.0", "up_norm": "1.1", "1_conv": "2.0", "1_norm": "2.1"}
    return {f"{name}_{layer}": f"{block}.conv{number}" for layer, number in numbers.items()}


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Nothing but the shapes tells the nets apart that have no check of their own."""
