"""UpsampleConv against Keras' own UpSampling2D + Concatenate + Conv2D, forward and with gradients, on TensorFlow.

python benchmarks/upsample_conv.py
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from alternating import alternate

from keras_seg.layers import UpsampleConv

# (height, width, channels, skip channels, filters): a decoder's stages for an image of 256x256.
STAGES = [
    (8, 8, 320, 96, 256),
    (16, 16, 256, 32, 128),
    (32, 32, 128, 24, 64),
    (64, 64, 64, 16, 32),
    (128, 128, 32, 0, 16),
]
BATCH = 8


def functions(layer, variables, inputs):
    """(forward, forward and backward) as compiled functions without arguments."""
    forward = tf.function(lambda: layer(inputs))

    @tf.function
    def backward():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs) ** 2)
        return tape.gradient(loss, [*inputs, *variables])

    return forward, backward


def main():
    print(f"batch {BATCH}, float32, {os.cpu_count()} cores; milliseconds, median of 11, alternating")
    print("| stage | Keras forward | ours | ratio | Keras with gradients | ours | ratio |")
    print("|---|---|---|---|---|---|---|")
    for height, width, channels, skip_channels, filters in STAGES:
        x = tf.random.normal((BATCH, height, width, channels))
        inputs = [x]
        if skip_channels:
            inputs.append(tf.random.normal((BATCH, 2 * height, 2 * width, skip_channels)))
        ours = UpsampleConv(filters, normalization=None, activation=None)
        up, join = keras.layers.UpSampling2D(2), keras.layers.Concatenate()
        conv = keras.layers.Conv2D(filters, 3, padding="same")

        def plain(inputs, up=up, join=join, conv=conv):
            x = up(inputs[0])
            return conv(join([x, inputs[1]]) if len(inputs) > 1 else x)

        def fused(inputs, ours=ours):
            return ours(inputs if len(inputs) > 1 else inputs[0])

        plain(inputs), fused(inputs)
        conv.set_weights(ours.get_weights())
        difference = float(tf.reduce_max(tf.abs(plain(inputs) - fused(inputs))))
        assert difference < 1e-2, difference
        calls = {}
        for name, layer, weights in (("keras", plain, conv.weights), ("ours", fused, ours.weights)):
            calls[name, 0], calls[name, 1] = functions(layer, [w.value for w in weights], inputs)
        times = alternate(calls)
        cells = []
        for kind in (0, 1):
            theirs, mine = times["keras", kind], times["ours", kind]
            cells += [f"{theirs:.1f}", f"{mine:.1f}", f"{mine / theirs:.2f}"]
        print(f"| {height}x{width}x{channels} + {skip_channels} -> {filters} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
