"""Counts in a graph of TensorFlow that does not know the size of the images, where pixels go through XLA in blocks."""

import numpy as np
import pytest
from metric_cases import filled

from keras_seg.metrics import ConfusionMatrix, ExpectedCalibrationError, MeanIoU, MultiLabelConfusion, fusing

pytestmark = pytest.mark.tensorflow_only

CLASSES, BLOCK = 5, 64


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(fusing, "_BLOCK", BLOCK)


def batch(shape, seed=0):
    draws = np.random.default_rng(seed)
    true = draws.integers(0, CLASSES, shape).astype("int32")
    true[draws.random(shape) < 0.2] = 255
    scores = draws.random((*shape, CLASSES)).astype("float32")
    return true, scores / scores.sum(-1, keepdims=True)


def counted(metric, *arrays, **options):
    """The totals after an update in a graph where no size is known."""
    import tensorflow as tf

    arrays = [tf.convert_to_tensor(array) for array in arrays]
    signature = [tf.TensorSpec((None,) * min(3, len(a.shape)) + tuple(a.shape[3:]), a.dtype) for a in arrays]
    tf.function(metric.update_state, input_signature=signature, autograph=False, **options)(*arrays)
    return metric._totals()


# Less than a block, blocks and a rest, whole blocks, one pixel, and none.
SHAPES = [(1, 7, 9), (2, 13, 11), (2, 8, 16), (1, 1, 1), (0, 4, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_counts_of_all_pixels_at_once(shape):
    true, scores = batch(shape)
    scores.reshape(-1, CLASSES)[::7, 1] = np.nan
    make = {"ignore_class": 255, "out_of_range": "count"}
    expected = np.zeros((CLASSES, CLASSES), int)
    fine = (true != 255) & ~np.isnan(scores).any(-1)
    np.add.at(expected, (true[fine], scores.argmax(-1)[fine]), 1)
    metric = ConfusionMatrix(CLASSES, **make)
    totals = counted(metric, true, scores)
    np.testing.assert_array_equal(metric.matrix, expected)
    assert totals.sum() == true.size
    assert metric.out_of_range_pixels == (np.isnan(scores).any(-1) & (true != 255)).sum()
    # Compiled as a whole as well, which `fit` does on some devices.
    np.testing.assert_array_equal(counted(ConfusionMatrix(CLASSES, **make), true, scores, jit_compile=True), totals)


@pytest.mark.parametrize("form", ["ids", "one channel", "one-hot"])
def test_forms_of_labels(form):
    true, scores = batch((2, 9, 17))
    expected = filled(ConfusionMatrix(CLASSES, ignore_class=255), true, scores).matrix
    one_hot = (true[..., None] == np.arange(CLASSES)).astype("float32")
    given = {"ids": true, "one channel": true[..., None], "one-hot": one_hot}[form]
    metric = ConfusionMatrix(CLASSES, ignore_class=255)
    counted(metric, given, scores)
    np.testing.assert_array_equal(metric.matrix, expected)
    ids = ConfusionMatrix(CLASSES, ignore_class=255)
    counted(ids, given, scores.argmax(-1))
    np.testing.assert_array_equal(ids.matrix, expected)


@pytest.mark.parametrize("of", ["pixels", "images"])
def test_masks(of):
    true, scores = batch((3, 9, 17))
    draws = np.random.default_rng(1)
    weights = (draws.random(true.shape) > 0.5) if of == "pixels" else np.array([1, 0, 1])
    weights = weights.astype("float32")
    expected = filled(ConfusionMatrix(CLASSES, ignore_class=255), true, scores, sample_weight=weights)
    np.testing.assert_array_equal(
        counted(ConfusionMatrix(CLASSES, ignore_class=255), true, scores, weights), expected._totals()
    )


def test_other_metrics_of_single_pixels():
    true, scores = batch((2, 13, 11))
    expected = filled(ExpectedCalibrationError(CLASSES, ignore_class=255), true, scores)._totals()
    metric = ExpectedCalibrationError(CLASSES, ignore_class=255)
    np.testing.assert_array_equal(counted(metric, true, scores), expected)
    labels = (scores > 0.2).astype("int32")
    expected = filled(MultiLabelConfusion(CLASSES), labels, scores)._totals()
    np.testing.assert_array_equal(counted(MultiLabelConfusion(CLASSES), labels, scores), expected)


def test_sizes_that_differ():
    import tensorflow as tf

    true, scores = batch((1, 12, 12))
    with pytest.raises(tf.errors.InvalidArgumentError, match="y_true must have the batch, height and width of y_pred"):
        counted(MeanIoU(CLASSES, ignore_class=255), true[:, :6], scores)
    with pytest.raises(tf.errors.InvalidArgumentError, match="y_true must have the batch, height and width of y_pred"):
        counted(MeanIoU(CLASSES, ignore_class=255), true.transpose(0, 2, 1)[:, :, :6], scores[:, :6])


def test_images_of_several_sizes():
    import tensorflow as tf

    metric = ConfusionMatrix(CLASSES, ignore_class=255)
    signature = [tf.TensorSpec((None,) * 3, tf.int32), tf.TensorSpec((None, None, None, CLASSES))]
    update = tf.function(metric.update_state, input_signature=signature, autograph=False)
    expected = np.zeros((CLASSES, CLASSES), int)
    for seed, shape in enumerate(SHAPES):
        true, scores = batch(shape, seed)
        update(true, scores)
        np.add.at(expected, (true[true != 255], scores.argmax(-1)[true != 255]), 1)
    np.testing.assert_array_equal(metric.matrix, expected)
