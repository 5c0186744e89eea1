"""Max pooling with indices and unpooling: ours on TensorFlow, tf.nn, and torch channels_last, alternating in one run.

python benchmarks/max_unpooling.py

Most of the time is memory access. With MALLOC_MMAP_THRESHOLD_=4000000000 and MALLOC_TRIM_THRESHOLD_=8000000000 in the
environment neither PyTorch nor TensorFlow returns memory pages after each call.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf
import torch
from alternating import alternate

from keras_seg.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

SHAPE = (8, 128, 128, 64)


def on_tensorflow(pool_and_unpool, x, upstream, jit_compile=False):
    """(forward, forward and backward) as functions without arguments, in a graph or compiled as a whole by XLA."""
    forward = tf.function(lambda: pool_and_unpool(x), jit_compile=jit_compile)

    @tf.function(jit_compile=jit_compile)
    def backward():
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = pool_and_unpool(x)
        # Both, or TensorFlow removes the unpooling, which the gradient does not need.
        return outputs, tape.gradient(outputs, x, upstream)

    return forward, backward


def argmax_and_scatter(x):
    """The equivalent in tf.nn."""
    pooled, argmax = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)
    flat = tf.scatter_nd(tf.reshape(argmax, (-1, 1)), tf.reshape(pooled, (-1,)), [tf.size(x, tf.int64)])
    return tf.reshape(flat, x.shape)


def on_torch(x, upstream):
    """(forward, forward and backward) in the layout that is fastest on a CPU."""
    point, upstream = (
        torch.tensor(array).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) for array in (x, upstream)
    )
    pool, unpool = torch.nn.MaxPool2d(2, return_indices=True), torch.nn.MaxUnpool2d(2)

    def forward():
        with torch.no_grad():
            return unpool(*pool(point))

    def backward():
        tracked = point.detach().requires_grad_()
        outputs = unpool(*pool(tracked))
        outputs.backward(upstream)
        return outputs, tracked.grad

    return forward, backward


def arrays(tensors):
    """One tensor or several as NHWC arrays."""
    tensors = tensors if isinstance(tensors, tuple) else (tensors,)
    return [t.detach().permute(0, 2, 3, 1).numpy() if isinstance(t, torch.Tensor) else t.numpy() for t in tensors]


def main():
    rng = np.random.default_rng(0)
    x, upstream = (rng.normal(size=SHAPE).astype("float32") for _ in range(2))
    tf_x, tf_upstream = tf.constant(x), tf.constant(upstream)
    pool, unpool = MaxPoolingWithArgmax2D(), MaxUnpooling2D()

    def ours(x):
        return unpool(pool(x))

    def unknown_size(x):
        return ours(tf.compat.v1.placeholder_with_default(x, (None, None, None, SHAPE[-1])))

    pairs = {
        "ours": on_tensorflow(ours, tf_x, tf_upstream),
        "ours, both layers under jit_compile=True": on_tensorflow(ours, tf_x, tf_upstream, jit_compile=True),
        "ours, size unknown to the graph": on_tensorflow(unknown_size, tf_x, tf_upstream),
        "torch channels_last": on_torch(x, upstream),
        "tf.nn argmax + scatter": on_tensorflow(argmax_and_scatter, tf_x, tf_upstream),
    }
    calls = {(name, kind): pair[kind] for name, pair in pairs.items() for kind in (0, 1)}
    calls["ours, eager", 0] = lambda: ours(tf_x)
    calls["a plain copy (x + 1)", 0] = tf.function(lambda: tf_x + 1)
    for name, pair in pairs.items():
        for kind, call in enumerate(pair):
            for result, expected in zip(arrays(call()), arrays(pairs["ours"][kind]()), strict=True):
                assert np.array_equal(result, expected), (name, kind)

    times = alternate(calls, rounds=21)
    print(f"pool and unpool of {SHAPE}, float32, {os.cpu_count()} cores; milliseconds, median of 21, alternating")
    print("| | forward | ours / it | forward and backward | ours / it |")
    print("|---|---|---|---|---|")
    for name in [*pairs, "ours, eager", "a plain copy (x + 1)"]:
        cells = []
        for kind in (0, 1):
            if (name, kind) in times:
                cells += [f"{times[name, kind]:.1f}", f"{times['ours', kind] / times[name, kind]:.2f}"]
            else:
                cells += ["", ""]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
