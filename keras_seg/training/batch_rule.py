"""How many crops a step takes: as many as the memory of a device holds, on each device."""

import math
from collections.abc import Mapping
from typing import Any

from keras_seg._types import Size
from keras_seg.training.pretrained import SMALL

# On a CPU, what the layers give for a batch may take this share of the working memory, which other programs share.
_LARGEST_BATCH, _BATCH_SHARE = 8, 0.5
# MiB per megapixel of it, as `activation_megabytes` finds, by model and backbone; at most, for others.
_ACTIVATIONS = {
    ("UNet", "Compact"): 225,
    ("UNet", SMALL): 1600,
    ("UNet", "MobileNetV2"): 2200,
    ("SegFormer", SMALL): 1800,
}
_MOST_ACTIVATIONS = 5000


def batch_rule(facts: Mapping, crop: Size, *, model: str, backbone: str) -> tuple[Any, ...]:
    """(rule, crops per step, names of the facts that the rule used).

    Args:
        facts: dict, as `fingerprint` returns it.
        crop: int or pair of ints. Size of a crop.
        model, backbone: str. Those of the plan.
    """
    rule, size, *looked_at = _per_device(facts, crop, model=model, backbone=backbone)
    devices = facts.get("devices", 1)
    if devices == 1:
        return rule, size, *looked_at
    # As many for each device, so that none waits for another.
    return f"on each of {devices} devices {rule}", size * devices, *looked_at, "devices"


def learning_rate_rule(facts: Mapping, batch_size: int, of_device: int, *, scratch: bool) -> tuple[Any, ...]:
    """(rule, highest learning rate, names of the facts that the rule used).

    Args:
        facts: dict, as `fingerprint` returns it.
        batch_size: int. Crops per step, on all devices.
        of_device: int. Crops per step that the rule gives one device alone.
        scratch: bool. Whether the model has no pretrained weights.

    Reference: the square root for Adam as in Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient
    Algorithms" (2022).
    """
    rule, rate = "0.003 from scratch, 0.001 with pretrained weights", 0.003 if scratch else 0.001
    if facts.get("devices", 1) == 1:
        return rule, rate
    times = max(1.0, batch_size / of_device)
    rule += f"; times the square root of how many times {of_device} crops a batch holds, as several devices share it"
    return rule, float(f"{rate * math.sqrt(times):.3g}"), "devices"


def _per_device(facts: Mapping, crop: Size, *, model: str, backbone: str) -> tuple[Any, ...]:
    """`batch_rule` for one device."""
    rule, size = f"{_LARGEST_BATCH}, or all images if there are fewer", min(_LARGEST_BATCH, facts["train_images"])
    room = facts["memory_megabytes"]
    if room is None or facts["device"] != "cpu":
        return rule, size, "train_images"
    height, width = (crop, crop) if isinstance(crop, int) else crop
    per_megapixel = _ACTIVATIONS.get((model, backbone), _MOST_ACTIVATIONS)
    of_crop = per_megapixel * height * width / 1e6
    rule += (
        f"; on a CPU, halved until what the layers give for a batch, about {of_crop:,.0f} MiB per crop, takes at most "
        f"{_BATCH_SHARE:.0%} of the memory"
    )
    while size > 1 and size * of_crop > _BATCH_SHARE * room:
        size //= 2
    return rule, size, "train_images", "memory_megabytes", "device"
