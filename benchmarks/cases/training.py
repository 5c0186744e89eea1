"""A training step of U-Nets: forward, backward and AdamW."""

import functools

from machine_rates import has_bfloat16

from cases import steps
from cases.twins import ours, pixels, smp_twin

BATCH = 8
SIZES = {
    "MobileNetV2": (224, 512),
    "ResNet50Torchvision": (224,),
    "EfficientNetB0": (224, 512),
    "Compact": (224, 512),
}
CASES = [f"{net}, {size}, {kind}" for net in SIZES for size in SIZES[net] for kind in ("float32", "bfloat16")]
OURS = {"keras_seg": {"float32": 0.75, "bfloat16": 1.0}}
PEERS = ["smp", "smp compiled"]
FOREIGN = PEERS
MEMORY = 1.0


def has(system, case):
    return case.endswith("float32") or has_bfloat16()


def prepare(system, case):
    net, size, kind = case.split(", ")
    images, labels = pixels(BATCH, int(size))
    if system == "keras_seg":
        return steps.on_keras(functools.partial(ours, net), images, labels, kind)
    return steps.on_torch(smp_twin(net), images, labels, kind, compiled=system == "smp compiled")
