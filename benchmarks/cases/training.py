"""A training step of U-Nets: forward, backward and AdamW."""

import contextlib
import functools

from machine_rates import has_bfloat16

from cases.smp_twins import ours, pixels, smp_twin

BATCH = 8
SIZES = {"MobileNetV2": (224, 512), "ResNet50Torchvision": (224,), "EfficientNetB0": (224, 512)}
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
        return on_keras(net, kind, images, labels)
    return on_torch(net, kind, images, labels, compiled=system == "smp compiled")


def on_keras(net, kind, images, labels):
    import keras

    import keras_seg as ks

    if kind == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = ours(net)
    model.compile(keras.optimizers.AdamW(1e-3), loss=ks.losses.Crossentropy(from_logits=True))
    products = 3 * BATCH * ks.analysis.multiply_adds(model, input_size=images.shape[1:3])
    facts = {"multiply_adds": products, "type": kind, "parameters": model.count_params()}
    return functools.partial(model.train_on_batch, images, labels), facts


def on_torch(net, kind, images, labels, *, compiled):
    import torch

    model = smp_twin(net).train()
    parameters = sum(weight.numel() for weight in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    forward = torch.compile(model) if compiled else model
    x = torch.from_numpy(images).movedim(-1, 1).contiguous(memory_format=torch.channels_last)
    y = torch.from_numpy(labels)
    cast = torch.autocast("cpu", torch.bfloat16) if kind == "bfloat16" else contextlib.nullcontext()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with cast:
            loss = torch.nn.functional.cross_entropy(forward(x / 127.5 - 1).float(), y)
        loss.backward()
        optimizer.step()

    return step, {"parameters": parameters}
