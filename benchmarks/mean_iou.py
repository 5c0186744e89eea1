"""MeanIoU.update_state against keras.metrics.MeanIoU, in a graph on TensorFlow: 8x256x256x21 probabilities.

With torchmetrics installed (pip install torchmetrics), its MulticlassJaccardIndex is included, in the layout it is
designed for. "ours, any size" is a graph for any height and width, where XLA compiles nothing.

python benchmarks/mean_iou.py
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from alternating import alternate

import keras_seg as ks

CLASSES = 21


def torchmetrics_update(labels, probabilities):
    """{} or the update of torchmetrics on the same numbers, channels first."""
    try:
        import torch
        from torchmetrics.classification import MulticlassJaccardIndex
    except ImportError:
        return {}
    metric = MulticlassJaccardIndex(CLASSES, validate_args=False)
    target = torch.tensor(labels.numpy()).long()
    scores = torch.tensor(probabilities.numpy()).movedim(-1, 1).contiguous()

    @torch.no_grad()
    def update():
        metric.update(scores, target)

    return {"torchmetrics": update}


def main():
    labels = tf.random.uniform((8, 256, 256), 0, CLASSES, "int32")
    probabilities = tf.nn.softmax(tf.random.normal((8, 256, 256, CLASSES)))
    metrics = {
        "keras": keras.metrics.MeanIoU(CLASSES, sparse_y_pred=False),
        "ours": ks.metrics.MeanIoU(num_classes=CLASSES),
        "ours, all names": ks.metrics.MetricSuite(num_classes=CLASSES),
    }
    updates = {name: tf.function(lambda m=m: m.update_state(labels, probabilities)) for name, m in metrics.items()}
    unsized = ks.metrics.MeanIoU(num_classes=CLASSES)
    signature = [tf.TensorSpec((None, None, None), "int32"), tf.TensorSpec((None, None, None, CLASSES))]
    any_size = tf.function(unsized.update_state, input_signature=signature, autograph=False)
    updates["ours, any size"] = lambda: any_size(labels, probabilities)
    times = alternate(updates | torchmetrics_update(labels, probabilities), rounds=21)
    for name, time in times.items():
        print(f"{name}: {time:.1f} ms, {time / times['keras']:.2f} of keras")
    print("results", *(f"{float(metrics[name].result()):.6f}" for name in ("keras", "ours")))


if __name__ == "__main__":
    main()
