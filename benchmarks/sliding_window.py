"""One pass of a convolutionalized patch classifier against its 625 windows: 256x256, window 64, step 8, on TensorFlow.

The limit of the speed-up is the ratio of multiply-adds: the windows share nearly all of the trunk's work and none of
the dense head's, which both compute once per window.

    python benchmarks/sliding_window.py [--padding valid]
"""

import argparse
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from alternating import alternate

import keras_seg as ks

IMAGE, WINDOW, STEP = 256, 64, 8


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=25, help="windows predicted together")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--filters", type=int, nargs=3, default=(64, 128, 256))
    parser.add_argument("--padding", default="same")
    arguments = parser.parse_args()

    model = ks.models.PatchClassifier(
        num_classes=10, architecture="vgg", filters=arguments.filters, padding=arguments.padding
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "same" padding: the difference is printed below.
        anywhere = ks.surgery.convolutionalize(model)
    image = np.random.default_rng(0).uniform(0, 255, (1, IMAGE, IMAGE, 3)).astype("float32")
    starts = range(0, IMAGE - WINDOW + 1, STEP)
    windows = np.concatenate([image[:, y : y + WINDOW, x : x + WINDOW] for y in starts for x in starts])
    batches = [tf.constant(windows[k : k + arguments.batch]) for k in range(0, len(windows), arguments.batch)]
    picture = tf.constant(image)

    slide = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)
    once = tf.function(lambda whole: anywhere(whole, training=False))
    times = alternate(
        {"windows": lambda: [slide(batch).numpy() for batch in batches], "pass": lambda: once(picture).numpy()},
        rounds=arguments.rounds,
        warmup=1,
    )
    slid = np.concatenate([slide(batch).numpy() for batch in batches]).reshape(len(starts), len(starts), -1)
    difference = np.abs(once(picture).numpy()[0] - slid).max()
    limit = (
        len(windows)
        * ks.analysis.multiply_adds(model, input_size=WINDOW)
        / ks.analysis.multiply_adds(anywhere, input_size=IMAGE)
    )
    speedup = times["windows"] / times["pass"]
    filters = tuple(arguments.filters)
    print(f"{IMAGE}x{IMAGE}, window {WINDOW}, step {STEP}, filters {filters}, {arguments.padding} padding")
    print(f"{len(windows)} windows in batches of {arguments.batch}: {times['windows']:.0f} ms")
    print(f"one pass: {times['pass']:.0f} ms; largest difference in probability {difference:.2g}")
    print(f"speed-up {speedup:.1f} of at most {limit:.1f} (ratio of multiply-adds): {speedup / limit:.2f}")


if __name__ == "__main__":
    main()
