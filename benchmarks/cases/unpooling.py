"""Nets that unpool: a training step of SegNet, and pooling with unpooling alone."""

import functools
import itertools

import numpy as np
from worker import THREADS

CLASSES, BATCH, SIZE = 11, 8, 224
SHAPE = (8, 128, 128, 64)
WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
CASES = ["SegNet, training", "pool and unpool, forward", "pool and unpool, forward and backward"]
OURS = {"keras_seg": {"training": 0.9, "forward": 0.5, "backward": 0.5}}
PEERS = ["torch"]
FOREIGN = PEERS
MEMORY = None


def has(system, case):
    return True


def prepare(system, case):
    rng = np.random.default_rng(0)
    if case == "SegNet, training":
        images = rng.uniform(0, 255, (BATCH, SIZE, SIZE, 3)).astype("float32")
        labels = rng.integers(0, CLASSES, (BATCH, SIZE, SIZE))
        return segnet_step(images, labels) if system == "keras_seg" else torch_segnet_step(images, labels)
    x, upstream = (rng.normal(size=SHAPE).astype("float32") for _ in range(2))
    backward = case.endswith("backward")
    make = on_tensorflow if system == "keras_seg" else on_torch
    # Read and written once each way, beside the maps of half the size.
    return make(x, upstream, backward=backward), {"bytes": (4 if backward else 2) * x.nbytes}


def segnet_step(images, labels):
    import keras

    import keras_seg as ks

    model = ks.models.SegNet(num_classes=CLASSES, activation=None)
    model.compile(keras.optimizers.AdamW(1e-3), loss=ks.losses.Crossentropy(from_logits=True))
    products = 3 * BATCH * ks.analysis.multiply_adds(model, input_size=SIZE)
    facts = {"multiply_adds": products, "type": "float32", "parameters": model.count_params()}
    return functools.partial(model.train_on_batch, images, labels), facts


def torch_segnet_step(images, labels):
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)

    def block(*widths):
        parts = []
        for before, width in itertools.pairwise(widths):
            parts += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        return nn.Sequential(*parts)

    class SegNet(nn.Module):
        def __init__(self):
            super().__init__()
            inputs = (3, *(widths[-1] for widths in WIDTHS))
            self.encoder = nn.ModuleList(block(inputs[level], *widths) for level, widths in enumerate(WIDTHS))
            mirrored = [(*widths[::-1], inputs[level] if level else None) for level, widths in enumerate(WIDTHS)]
            self.decoder = nn.ModuleList(block(*(width for width in widths if width)) for widths in mirrored[::-1])
            self.head = nn.Conv2d(WIDTHS[0][0], CLASSES, 3, padding=1)
            self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

        def forward(self, x):
            switches = []
            for stage in self.encoder:
                x, indices = self.pool(stage(x))
                switches.append(indices)
            for stage, indices in zip(self.decoder, switches[::-1], strict=True):
                x = stage(self.unpool(x, indices))
            return self.head(x)

    model = SegNet().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    x = torch.from_numpy(images).movedim(-1, 1).contiguous(memory_format=torch.channels_last)
    y = torch.from_numpy(labels)

    def step():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(x - 114.0), y).backward()
        optimizer.step()

    return step, {"parameters": sum(weight.numel() for weight in model.parameters())}


def on_tensorflow(x, upstream, *, backward):
    import tensorflow as tf

    from keras_seg.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

    pool, unpool = MaxPoolingWithArgmax2D(), MaxUnpooling2D()
    x, upstream = tf.constant(x), tf.constant(upstream)

    @tf.function
    def run():
        if not backward:
            return unpool(pool(x))
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = unpool(pool(x))
        # Both, or TensorFlow removes the unpooling, which the gradient does not need.
        return outputs, tape.gradient(outputs, x, upstream)

    return run


def on_torch(x, upstream, *, backward):
    import torch

    torch.set_num_threads(THREADS)
    point, upstream = (
        torch.from_numpy(array).movedim(-1, 1).contiguous(memory_format=torch.channels_last) for array in (x, upstream)
    )
    pool, unpool = torch.nn.MaxPool2d(2, return_indices=True), torch.nn.MaxUnpool2d(2)

    def run():
        with torch.set_grad_enabled(backward):
            tracked = point.detach().requires_grad_(backward)
            outputs = unpool(*pool(tracked))
        if backward:
            outputs.backward(upstream)
        return outputs

    return run
