"""Graphs do not grow unseen: what ours write, beside plain Keras in the same process, stays within 15 % of a record.

`python tests/test_graph_cost.py` makes the record again, after a change that is meant to cost more, or costs less.
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import pytest

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only

RECORD = pathlib.Path(__file__).with_name("graph_costs.json")
ALLOWED = 1.15
# Nothing is computed: the size costs no time, and makes the maps outweigh the weights, as they do in practice.
CLASSES, SIZE, BATCH = 5, 256, 8


def pixels(channels=3):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (BATCH, SIZE, SIZE, channels)).astype("float32")


def labels():
    return np.random.default_rng(0).integers(0, CLASSES, (BATCH, SIZE, SIZE)).astype("int32")


def unet(backbone):
    return ks.models.UNet(num_classes=CLASSES, backbone=backbone, weights=None, input_shape=(SIZE, SIZE, 3))


def with_plain_normalization(model):
    """The same model with Keras' own batch normalization."""

    def clone(layer):
        plain = keras.layers.BatchNormalization if isinstance(layer, ks.layers.BatchNormalization) else type(layer)
        return plain.from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=clone, recursive=True)


def step(model, loss):
    model.compile(keras.optimizers.AdamW(1e-3), loss)
    model.optimizer.build(model.trainable_variables)
    return lambda x, y: model.train_step((x, y))


def training_step(backbone):
    def ours():
        return step(unet(backbone), ks.losses.Crossentropy()), (pixels(), labels())

    def plain():
        model = with_plain_normalization(unet(backbone))
        return step(model, keras.losses.SparseCategoricalCrossentropy()), (pixels(), labels())

    return ours, plain


def forward_and_backward(function):
    """The value of a function, and its gradient by its last argument."""
    import tensorflow as tf

    def both(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs[-1])
            value = function(*inputs)
        return value, tape.gradient(value, inputs[-1])

    return both


def loss(ours):
    """A loss beside Keras' cross-entropy, with labels to ignore in both."""
    given = labels(), np.full((BATCH, SIZE, SIZE, CLASSES), 1 / CLASSES, "float32")
    plain = keras.losses.SparseCategoricalCrossentropy(ignore_class=4)
    return lambda: (forward_and_backward(ours), given), lambda: (forward_and_backward(plain), given)


def metric(ours):
    given = labels(), np.full((BATCH, SIZE, SIZE, CLASSES), 1 / CLASSES, "float32")
    plain = keras.metrics.MeanIoU(CLASSES, sparse_y_pred=False)
    return lambda: (ours.update_state, given), lambda: (plain.update_state, given)


def layers(ours, plain):
    """Layers one after the other, with their gradients, beside plain ones."""

    def run(made):
        model = keras.Sequential([keras.Input((SIZE, SIZE, 8)), *made()])
        return forward_and_backward(model), (pixels(8),)

    return lambda: run(ours), lambda: run(plain)


def pooling():
    """Pooling that keeps places, and unpooling to them, beside pooling and enlarging."""

    def ours():
        pool, unpool = ks.layers.MaxPoolingWithArgmax2D(), ks.layers.MaxUnpooling2D()
        return forward_and_backward(lambda x: unpool(list(pool(x)))), (pixels(8),)

    def plain():
        pool, enlarge = keras.layers.MaxPooling2D(), keras.layers.UpSampling2D()
        return forward_and_backward(lambda x: enlarge(pool(x))), (pixels(8),)

    return ours, plain


def augmentation():
    """The standard augmentation beside Keras' layers for crop, flip, zoom and color."""

    def ours():
        augment = ks.augmentation.standard(crop=(SIZE // 2, SIZE // 2), scale=(0.75, 1.5), ignore_class=255)
        return lambda x, y: augment(x, y, seed=(0, 1)), (pixels(), labels())

    def plain():
        steps = [
            keras.layers.RandomFlip("horizontal"), keras.layers.RandomZoom(0.3), keras.layers.RandomBrightness(0.2),
            keras.layers.RandomContrast(0.2), keras.layers.RandomCrop(SIZE // 2, SIZE // 2),
        ]  # fmt: skip

        def run(x, y):
            both = {"images": x, "segmentation_masks": y[..., None]}
            for layer in steps:
                both = layer(both, training=True)
            return both["images"], both["segmentation_masks"]

        return run, (pixels(), labels())

    return ours, plain


CASES = {
    "training step, UNet on MobileNetV2": lambda: training_step("MobileNetV2"),
    "training step, UNet on Compact": lambda: training_step("Compact"),
    "training step, UNet on EfficientNetLite0": lambda: training_step("EfficientNetLite0"),
    "Crossentropy": lambda: loss(ks.losses.Crossentropy(ignore_class=4)),
    "SoftIoU": lambda: loss(ks.losses.SoftIoU(ignore_class=4)),
    "LovaszSoftmax": lambda: loss(ks.losses.LovaszSoftmax(ignore_class=4)),
    "Crossentropy + SoftIoU": lambda: loss(
        ks.losses.Crossentropy(ignore_class=4) + 0.5 * ks.losses.SoftIoU(ignore_class=4)
    ),
    "MeanIoU": lambda: metric(ks.metrics.MeanIoU(CLASSES)),
    "MeanIoU, ignored class": lambda: metric(ks.metrics.MeanIoU(CLASSES, ignore_class=4)),
    "pooling with places, and unpooling": pooling,
    "UpsampleConv": lambda: layers(
        lambda: [ks.layers.UpsampleConv(8)],
        lambda: [
            keras.layers.UpSampling2D(),
            keras.layers.Conv2D(8, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ],
    ),
    "standard augmentation": augmentation,
}


def cost_beside_keras(case):
    """The bytes that ours writes, divided by those of plain Keras."""
    from graph_cost import written_bytes

    ours, plain = (written_bytes(function, *inputs) for function, inputs in (made() for made in CASES[case]()))
    assert plain > 0
    return ours / plain


@pytest.mark.parametrize("case", CASES)
def test_a_graph_writes_no_more_than_it_did(case):
    record = json.loads(RECORD.read_text(encoding="utf-8"))[case]
    found = cost_beside_keras(case)
    assert found <= ALLOWED * record, (
        f"{case}: writes {found:.3f} of what plain Keras writes, and {record} was recorded. Find out why, or run "
        f"python tests/{pathlib.Path(__file__).name}"
    )


def test_every_record_has_its_case():
    assert set(json.loads(RECORD.read_text(encoding="utf-8"))) == set(CASES)


def test_what_is_counted():
    """A convolution writes its map, ReLU another one, its gradient one more; reshaping nothing; a loop one round."""
    import tensorflow as tf
    from graph_cost import written_bytes

    image = np.zeros((1, 8, 8, 3), "float32")
    kernel = tf.ones((3, 3, 3, 4))
    size = 8 * 8 * 4 * 4

    def convolved(x):
        return tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME"))

    assert written_bytes(convolved, image) == 2 * size
    assert written_bytes(lambda x: tf.reshape(convolved(x), [-1]), image) == 2 * size
    assert written_bytes(tf.function(convolved), image) == 2 * size  # In a function of its own.
    once = written_bytes(lambda x: tf.while_loop(lambda n, _: n < 5, lambda n, y: (n + 1, y * 2.0), (0, x))[1], image)
    assert image.nbytes <= once < image.nbytes + 64


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    RECORD.write_text(json.dumps({case: round(cost_beside_keras(case), 3) for case in CASES}, indent=2) + "\n")
