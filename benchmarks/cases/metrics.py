"""One update of mean IoU with probabilities of 8x256x256 pixels and 21 classes, in a graph on TensorFlow."""

SIZE, CLASSES = (8, 256, 256), 21
CASES = ["mean IoU, known size", "mean IoU, unknown size"]
OURS = {"keras_seg": {"known size": 0.2, "unknown size": 0.2}}
PEERS = ["keras", "torchmetrics"]
FOREIGN = ["torchmetrics"]
MEMORY = None
# Read once.
MOVED = 8 * 256 * 256 * (CLASSES + 1) * 4


def has(system, case):
    return True


def prepare(system, case):
    import numpy as np

    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, CLASSES, SIZE), rng.normal(size=(*SIZE, CLASSES)).astype("float32")
    update = on_torch if system == "torchmetrics" else on_tensorflow
    return update(labels, logits, system, None if "unknown" in case else SIZE), {"bytes": MOVED}


def on_torch(labels, logits, system, size):
    import torch
    from torchmetrics.classification import MulticlassJaccardIndex

    metric = MulticlassJaccardIndex(CLASSES, validate_args=False)
    target, scores = torch.tensor(labels), torch.tensor(logits).movedim(-1, 1).contiguous().softmax(1)

    @torch.no_grad()
    def update():
        metric.update(scores, target)

    return update


def on_tensorflow(labels, logits, system, size):
    import keras
    import tensorflow as tf

    import keras_seg as ks

    if system == "keras":
        metric = keras.metrics.MeanIoU(CLASSES, sparse_y_pred=False)
    else:
        metric = ks.metrics.MeanIoU(num_classes=CLASSES)
    shape = (None, None, None) if size is None else size
    signature = [tf.TensorSpec(shape, "int32"), tf.TensorSpec((*shape, CLASSES))]
    run = tf.function(metric.update_state, input_signature=signature, autograph=False)
    given = tf.constant(labels.astype("int32")), tf.nn.softmax(tf.constant(logits))
    return lambda: run(*given)
