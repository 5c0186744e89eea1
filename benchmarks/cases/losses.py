"""Losses, forward and backward: 8x256x256 pixels of 21 classes, logits to the gradient of the logits, on a CPU.

Beside Keras' own cross-entropy and Dice, and the losses of MONAI and segmentation_models_pytorch (smp) with a Python
that has them (pip install torch monai segmentation-models-pytorch), in processes that take turns:

    python benchmarks/losses.py --peers-python PEERS/bin/python
"""

import argparse
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from worker import Worker, serve, take_turns

SIZE, CLASSES = (8, 256, 256), 21


def data():
    """Logits that are right at most pixels, and labels in blocks, as of a model in training."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, (SIZE[0], SIZE[1] // 16, SIZE[2] // 16)).repeat(16, 1).repeat(16, 2)
    logits = rng.normal(size=(*SIZE, CLASSES)).astype("float32") + 3 * np.eye(CLASSES, dtype="float32")[labels]
    return labels.astype("int32"), logits


def sorted_lovasz():
    """Lovasz-softmax with all pixels sorted."""
    from keras_seg import losses
    from keras_seg.losses import lovasz_extension

    lovasz_extension._FEW_PIXELS = float("inf")
    return losses.LovaszSoftmax(from_logits=True)


def ours():
    """{name: loss}."""
    from keras_seg import losses

    return {
        "cross-entropy": losses.Crossentropy(from_logits=True),
        "focal": losses.FocalCrossentropy(from_logits=True),
        "Dice": losses.SoftDice(from_logits=True),
        "Jaccard": losses.SoftIoU(from_logits=True),
        "Tversky": losses.Tversky(from_logits=True),
        "generalized Dice": losses.GeneralizedDice(from_logits=True),
        "Lovasz": losses.LovaszSoftmax(from_logits=True),
    }


def of_keras():
    import keras

    def dice(labels, logits):
        return keras.losses.Dice(axis=(0, 1, 2))(keras.ops.one_hot(labels, CLASSES), keras.ops.softmax(logits))

    def focal(labels, logits):
        loss = keras.losses.CategoricalFocalCrossentropy(from_logits=True)
        return loss(keras.ops.one_hot(labels, CLASSES), logits)

    return {"cross-entropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "Dice": dice, "focal": focal}


def on_tensorflow(losses):
    import tensorflow as tf

    labels, logits = (tf.constant(array) for array in data())

    def step(loss):
        @tf.function(autograph=False)
        def run():
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = loss(labels, logits)
            return tape.gradient(value, logits)

        return lambda: run().numpy()

    return {name: step(loss) for name, loss in losses.items()}


def of_monai():
    from monai import losses

    options = {"to_onehot_y": True, "softmax": True, "batch": True}
    return {
        "cross-entropy": losses.DiceCELoss(to_onehot_y=True, softmax=True, lambda_dice=0.0),
        "focal": losses.FocalLoss(to_onehot_y=True, use_softmax=True),
        "Dice": losses.DiceLoss(**options),
        "Jaccard": losses.DiceLoss(jaccard=True, **options),
        "Tversky": losses.TverskyLoss(**options),
        "generalized Dice": losses.GeneralizedDiceLoss(**options),
    }


def of_smp():
    from segmentation_models_pytorch import losses

    return {
        "cross-entropy": losses.SoftCrossEntropyLoss(smooth_factor=0.0),
        "focal": losses.FocalLoss("multiclass"),
        "Dice": losses.DiceLoss("multiclass"),
        "Jaccard": losses.JaccardLoss("multiclass"),
        "Tversky": losses.TverskyLoss("multiclass"),
        "Lovasz": losses.LovaszLoss("multiclass"),
    }


def on_torch(losses, channel):
    import torch

    labels, logits = data()
    labels = torch.from_numpy(labels).long()
    labels = labels[:, None] if channel else labels
    logits = torch.from_numpy(logits).movedim(-1, 1).contiguous().requires_grad_()

    def step(loss):
        return lambda: torch.autograd.grad(loss(logits, labels), logits)

    return {name: step(loss) for name, loss in losses.items()}


SYSTEMS = {
    "keras_seg": lambda: on_tensorflow(ours()),
    "sorted": lambda: on_tensorflow({"Lovasz": sorted_lovasz()}),
    "keras": lambda: on_tensorflow(of_keras()),
    "MONAI": lambda: on_torch(of_monai(), channel=True),
    "smp": lambda: on_torch(of_smp(), channel=False),
}
PEERS = ("MONAI", "smp")


def compare(peers_python):
    """Print a table of milliseconds."""
    workers = {
        name: Worker([str(peers_python if name in PEERS else sys.executable), __file__, "--worker", name])
        for name in SYSTEMS
        if peers_python or name not in PEERS
    }
    print(f"| loss | {' | '.join(workers)} | ratio to the fastest other |")
    print(f"|---|{'---|' * len(workers)}---|")
    for name in workers["keras_seg"].names:
        times = take_turns(workers, name)
        others = [time for system, time in times.items() if system != "keras_seg"]
        ratio = f"{times['keras_seg'] / min(others):.2f}" if others else ""
        print(
            f"| {name} | {' | '.join(f'{times[w]:.0f}' if w in times else '' for w in workers)} | {ratio} |", flush=True
        )
    for worker in workers.values():
        worker.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers-python", type=pathlib.Path)
    parser.add_argument("--worker", choices=SYSTEMS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(SYSTEMS[arguments.worker]())
    else:
        compare(arguments.peers_python)


if __name__ == "__main__":
    main()
