"""BoundaryIoU.update_state against the confusion matrix, in a graph on TensorFlow: a 1024x1024 pair of 21 classes.

python benchmarks/boundary_iou.py
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from alternating import alternate

import keras_seg as ks

CLASSES = 21
KINDS = (
    ks.metrics.ConfusionMatrix,
    ks.metrics.MetricSuite,
    ks.metrics.BoundaryIoU,
    ks.metrics.TrimapIoU,
    ks.metrics.BoundaryFScore,
)


def regions(seed):
    """Regions a few dozen pixels wide: enlarged noise."""
    small = tf.random.stateless_uniform((1, 32, 32, 1), (seed, 0), 0, CLASSES, "int32")
    return tf.repeat(tf.repeat(small, 32, axis=1), 32, axis=2)[..., 0]


def updates(true, predicted):
    metrics = {kind.__name__: kind(num_classes=CLASSES) for kind in KINDS}
    return {name: tf.function(lambda m=m: m.update_state(true, predicted)) for name, m in metrics.items()}


def main():
    true, ids = regions(0), regions(1)
    for kind, predicted in (("class ids", ids), ("probabilities", tf.one_hot(ids, CLASSES))):
        times = alternate(updates(true, predicted), rounds=11)
        for name, time in times.items():
            print(f"{kind}: {name} {time:.1f} ms, {time / times['ConfusionMatrix']:.1f}x")


if __name__ == "__main__":
    main()
