"""The main parts, each in a process of its own, with one of their sizes changed: `growth.py` calls them."""

import functools
import itertools

BASE = {"image side": 256, "batch": 8, "classes": 11, "depth": 4}
SIDES, CLASSES = (64, 128, 256, 512, 1024), (2, 8, 32, 128, 512)
AXES = {
    "training step": {
        "image side": SIDES[:-1],
        "batch": (1, 2, 4, 8, 16, 32),
        "classes": CLASSES[:-1],
        "depth": (2, 3, 4, 5),
    },
    "prediction": {"image side": SIDES, "batch": (1, 2, 4, 8, 16, 32), "classes": CLASSES[:-1], "depth": (2, 3, 4, 5)},
    "cross-entropy + soft IoU": {"image side": SIDES, "classes": CLASSES[:-1]},
    "Lovasz": {"image side": SIDES, "classes": CLASSES[:-1]},
    "update of mean IoU": {"image side": SIDES, "classes": CLASSES},
    "augmentation": {"image side": SIDES, "batch": (1, 2, 4, 8, 16, 32)},
    "prediction in tiles": {"image side": (512, 1024, 2048, 4096)},
}
NOTHING = "nothing"


def prepare(system, case):
    import tensorflow as tf

    import keras_seg as ks

    assert tf is not None and ks.__version__
    if case == NOTHING:
        return lambda: None, {}
    part, axis, value = case.split(", ")
    sizes = BASE | {axis: int(value)}
    return PARTS[part](sizes.pop("image side"), **sizes), {}


def pixels(side, batch, classes):
    """Images, and labels in blocks."""
    import numpy as np

    draws = np.random.default_rng(0)
    images = draws.uniform(0, 255, (batch, side, side, 3)).astype("float32")
    labels = draws.integers(0, classes, (batch, side // 16, side // 16)).repeat(16, 1).repeat(16, 2)
    return images, labels.astype("int32")


def unet(classes, depth):
    """A U-Net of 16 channels at the first level, each level twice as many."""
    import keras_seg as ks

    return ks.models.UNet(num_classes=classes, filters=16, depth=depth, activation=None)


def training_step(side, batch, classes, depth):
    import keras

    import keras_seg as ks

    model = unet(classes, depth)
    model.compile(keras.optimizers.AdamW(1e-3), loss=ks.losses.Crossentropy(from_logits=True))
    return functools.partial(model.train_on_batch, *pixels(side, batch, classes))


def prediction(side, batch, classes, depth):
    return functools.partial(unet(classes, depth).predict_on_batch, pixels(side, batch, classes)[0])


def loss(name, side, batch, classes, depth):
    """Forward and backward."""
    import tensorflow as tf

    from keras_seg import losses

    parts = {
        "Lovasz": losses.LovaszSoftmax(from_logits=True),
        "both": losses.Crossentropy(from_logits=True) + 0.5 * losses.SoftIoU(from_logits=True),
    }
    _, labels = pixels(side, batch, classes)
    labels = tf.constant(labels)
    logits = 3.0 * tf.one_hot(labels, classes) + tf.random.stateless_normal((*labels.shape, classes), (0, 0))

    @tf.function(autograph=False)
    def run():
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = parts[name](labels, logits)
        return tape.gradient(value, logits)

    return run


def mean_iou(side, batch, classes, depth):
    import tensorflow as tf

    import keras_seg as ks

    metric = ks.metrics.MeanIoU(num_classes=classes)
    _, labels = pixels(side, batch, classes)
    labels = tf.constant(labels)
    scores = tf.nn.softmax(tf.random.stateless_normal((*labels.shape, classes), (0, 0)))
    return functools.partial(tf.function(metric.update_state, autograph=False), labels, scores)


def augmentation(side, batch, classes, depth):
    """The standard one, as `from_folder` runs it: a seed per image."""
    import numpy as np
    import tensorflow as tf

    import keras_seg as ks

    augment = ks.augmentation.standard(crop=side, ignore_class=255)
    images, labels = pixels(side, batch, classes)
    images, labels = tf.constant(images.astype("uint8")), tf.constant(labels)
    run, steps = tf.function(augment.of_batch, autograph=False), itertools.count()

    def call():
        seeds = np.stack([np.arange(batch), np.full(batch, next(steps))], axis=1).astype("int64")
        return run(images, labels, tf.constant(seeds))

    return call


def in_tiles(side, batch, classes, depth):
    import numpy as np

    import keras_seg as ks

    predictor = ks.inference.TiledPredictor(unet(classes, depth), tile=256, overlap=0.25, batch_size=batch)
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), "uint8")
    return lambda: predictor.predict(image)


PARTS = {
    "training step": training_step,
    "prediction": prediction,
    "cross-entropy + soft IoU": functools.partial(loss, "both"),
    "Lovasz": functools.partial(loss, "Lovasz"),
    "update of mean IoU": mean_iou,
    "augmentation": augmentation,
    "prediction in tiles": in_tiles,
}
