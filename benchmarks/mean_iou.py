"""MeanIoU.update_state against keras.metrics.MeanIoU, in a graph on TensorFlow: 8x256x256x21 probabilities.

python benchmarks/mean_iou.py
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from alternating import alternate

import keras_seg as ks

CLASSES = 21


def main():
    labels = tf.random.uniform((8, 256, 256), 0, CLASSES, "int32")
    probabilities = tf.nn.softmax(tf.random.normal((8, 256, 256, CLASSES)))
    metrics = {
        "keras": keras.metrics.MeanIoU(CLASSES, sparse_y_pred=False),
        "ours": ks.metrics.MeanIoU(num_classes=CLASSES),
    }
    times = alternate(
        {name: tf.function(lambda m=m: m.update_state(labels, probabilities)) for name, m in metrics.items()}, rounds=21
    )
    for name, metric in metrics.items():
        print(f"{name}: {times[name]:.1f} ms, result {float(metric.result()):.6f}")
    print(f"ratio {times['ours'] / times['keras']:.2f}")


if __name__ == "__main__":
    main()
