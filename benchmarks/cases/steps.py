"""A training step, forward, backward and AdamW, of a model of ours and of one on torch."""

import contextlib
import functools
import math


def on_keras(make_model, images, labels, kind="float32"):
    """`make_model` is called with the policy set, and gives logits."""
    import keras

    import keras_seg as ks

    if kind == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = make_model()
    model.compile(keras.optimizers.AdamW(1e-3), loss=ks.losses.Crossentropy(from_logits=True))
    products = 3 * len(images) * ks.analysis.multiply_adds(model, input_size=images.shape[1:3])
    parameters = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    facts = {"multiply_adds": products, "type": kind, "parameters": parameters}
    return functools.partial(model.train_on_batch, images, labels), facts


def on_torch(model, images, labels, kind="float32", *, compiled=False):
    import torch

    model.train()
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

    return step, {"parameters": sum(weight.numel() for weight in model.parameters())}
