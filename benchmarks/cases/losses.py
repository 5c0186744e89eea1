"""Losses, forward and backward: logits of 8x256x256 pixels and 21 classes to their gradient."""

import numpy as np

SIZE, CLASSES = (8, 256, 256), 21
CASES = ["cross-entropy", "focal", "Dice", "Jaccard", "Tversky", "generalized Dice", "Lovasz"]
OURS = {"keras_seg": 1.0}
PEERS = ["keras", "MONAI", "smp", "sorted"]
FOREIGN = ["MONAI", "smp"]
MEMORY = None
MOVED = 2 * np.prod(SIZE) * CLASSES * 4


def has(system, case):
    return system == "keras_seg" or case in OFFERED[system]


def prepare(system, case):
    return PREPARED[system](case), {"bytes": int(MOVED)}


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


def on_tensorflow(loss):
    import tensorflow as tf

    labels, logits = (tf.constant(array) for array in data())

    @tf.function(autograph=False)
    def run():
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(labels, logits)
        return tape.gradient(value, logits)

    return lambda: run().numpy()


def of_monai():
    from monai import losses as theirs

    options = {"to_onehot_y": True, "softmax": True, "batch": True}
    return {
        "cross-entropy": theirs.DiceCELoss(to_onehot_y=True, softmax=True, lambda_dice=0.0),
        "focal": theirs.FocalLoss(to_onehot_y=True, use_softmax=True),
        "Dice": theirs.DiceLoss(**options),
        "Jaccard": theirs.DiceLoss(jaccard=True, **options),
        "Tversky": theirs.TverskyLoss(**options),
        "generalized Dice": theirs.GeneralizedDiceLoss(**options),
    }


def of_smp():
    from segmentation_models_pytorch import losses as theirs

    return {
        "cross-entropy": theirs.SoftCrossEntropyLoss(smooth_factor=0.0),
        "focal": theirs.FocalLoss("multiclass"),
        "Dice": theirs.DiceLoss("multiclass"),
        "Jaccard": theirs.JaccardLoss("multiclass"),
        "Tversky": theirs.TverskyLoss("multiclass"),
        "Lovasz": theirs.LovaszLoss("multiclass"),
    }


def on_torch(loss, *, channel):
    import torch

    labels, logits = data()
    labels = torch.from_numpy(labels).long()
    labels = labels[:, None] if channel else labels
    logits = torch.from_numpy(logits).movedim(-1, 1).contiguous().requires_grad_()
    return lambda: torch.autograd.grad(loss(logits, labels), logits)


OFFERED = {
    "sorted": ["Lovasz"],
    "keras": ["cross-entropy", "focal", "Dice"],
    "MONAI": CASES[:6],
    "smp": ["cross-entropy", "focal", "Dice", "Jaccard", "Tversky", "Lovasz"],
}
PREPARED = {
    "keras_seg": lambda case: on_tensorflow(ours()[case]),
    "sorted": lambda _: on_tensorflow(sorted_lovasz()),
    "keras": lambda case: on_tensorflow(of_keras()[case]),
    "MONAI": lambda case: on_torch(of_monai()[case], channel=True),
    "smp": lambda case: on_torch(of_smp()[case], channel=False),
}
