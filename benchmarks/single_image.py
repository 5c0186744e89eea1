"""A convolution of 3x3 over 64 channels of one image by TensorFlow on a CPU, without and with oneDNN.

Each runs in a process of its own, which is ended after a minute and a half.

    python benchmarks/single_image.py
"""

import argparse
import os
import subprocess
import sys
import time

SIZES = ((512, 512), (1024, 2048))
CHANNELS = 64
LIMIT = 90


def child(height, width):
    """Print the milliseconds of the second call."""
    import numpy as np
    import tensorflow as tf

    @tf.function
    def convolved(image, kernel):
        return tf.nn.conv2d(image, kernel, 1, "SAME")

    random = np.random.default_rng(0)
    image = tf.constant(random.random((1, height, width, CHANNELS), "float32"))
    kernel = tf.constant(random.random((3, 3, CHANNELS, CHANNELS), "float32"))
    convolved(image, kernel)
    start = time.perf_counter()
    convolved(image, kernel).numpy()
    print(f"{1000 * (time.perf_counter() - start):,.0f}")


def measured(size, onednn):
    """The milliseconds as text."""
    settings = {"TF_ENABLE_ONEDNN_OPTS": onednn, "TF_CPU_ALLOCATOR_USE_BFC": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, "--child", *map(str, size)]
    try:
        done = subprocess.run(
            command, env=os.environ | settings, capture_output=True, text=True, timeout=LIMIT, check=True
        )
    except subprocess.TimeoutExpired:
        return f"no result after {LIMIT} s"
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--child", nargs=2, type=int, metavar=("HEIGHT", "WIDTH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    print("| one image, ms | TensorFlow's own | oneDNN |\n|---|---|---|")
    for height, width in SIZES:
        print(f"| {height}x{width} | {measured((height, width), '0')} | {measured((height, width), '1')} |", flush=True)


if __name__ == "__main__":
    main()
