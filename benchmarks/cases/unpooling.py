"""Models that unpool: training steps of SegNet and DeconvNet, and pooling with unpooling alone."""

import numpy as np
from worker import THREADS

from cases import steps
from cases.twins import CLASSES, pixels
from cases.unpooling_twins import torch_twin

BATCH, SIZE = 8, 224
SHAPE = (8, 128, 128, 64)
CASES = [
    "SegNet, training",
    "DeconvNet, training",
    "pool and unpool, forward",
    "pool and unpool, forward and backward",
]
OURS = {"keras_seg": {"training": 0.9, "forward": 0.5, "backward": 0.5}}
PEERS = ["torch"]
FOREIGN = PEERS
MEMORY = None


def has(system, case):
    return True


def prepare(system, case):
    if case.endswith("training"):
        name = case.split(", ")[0]
        if system == "torch":
            return steps.on_torch(torch_twin(name), *pixels(BATCH, SIZE))
        return steps.on_keras(lambda: ours(name), *pixels(BATCH, SIZE))
    rng = np.random.default_rng(0)
    x, upstream = (rng.normal(size=SHAPE).astype("float32") for _ in range(2))
    backward = case.endswith("backward")
    make = on_tensorflow if system == "keras_seg" else on_torch
    # Read and written once each way, beside the maps of half the size.
    return make(x, upstream, backward=backward), {"bytes": (4 if backward else 2) * x.nbytes}


def ours(name):
    import keras_seg as ks

    shape = {"DeconvNet": {"input_shape": (SIZE, SIZE, 3), "padding": "valid"}}
    return getattr(ks.models, name)(num_classes=CLASSES, activation=None, **shape.get(name, {}))


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
