"""Evaluation against scikit-learn, at images of different sizes."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score, precision_score

import keras_seg as ks
from keras_seg import _validation


@pytest.fixture
def folder(tmp_path):
    """Five images of three sizes; their masks hold 0..2 and 3 for void; one mask is void alone."""
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for n, (height, width) in enumerate([(8, 9), (8, 9), (12, 7), (8, 9), (5, 5)]):
        mask = rng.integers(0, 4, (height, width)) if n else np.full((height, width), 3)
        Image.fromarray(mask.astype("uint8")).save(tmp_path / "masks" / f"{n}.png")
        Image.fromarray(rng.integers(0, 255, (height, width, 3)).astype("uint8")).save(tmp_path / "images" / f"{n}.png")
    return tmp_path


@pytest.fixture
def model():
    return ks.models.UNet(num_classes=3, filters=4, depth=2)


def test_equals_scikit_learn(folder, model):
    index = ks.data.scan_folder(folder, num_classes=3, ignore_class=3)
    seen = []
    result = ks.evaluation.evaluate(model, index, batch_size=2, progress=lambda done, total: seen.append((done, total)))
    truths, predictions = [], []
    for pair in index.pairs:
        image, mask = ks.data.read_image(pair.image), ks.data.read_mask(pair.mask)
        predicted = model.predict(image[None].astype("float32"), verbose=0)[0].argmax(-1)
        truths.append(mask[mask != 3])
        predictions.append(predicted[mask != 3])
    truths, predictions = np.concatenate(truths), np.concatenate(predictions)
    np.testing.assert_array_equal(result.confusion, confusion_matrix(truths, predictions, labels=range(3)))
    np.testing.assert_allclose(
        result.mean_iou, jaccard_score(truths, predictions, labels=np.unique([truths, predictions]), average="macro")
    )
    assert result.to_dict()["pixel_accuracy"] == pytest.approx((truths == predictions).mean())
    assert result.to_dict()["mean_dice"] == pytest.approx(
        f1_score(truths, predictions, labels=np.unique([truths, predictions]), average="macro")
    )
    np.testing.assert_array_equal(result.image_confusion.sum(axis=0), result.confusion)
    assert not result.image_confusion[0].any()
    low, high = result.to_dict()["mean_iou_interval"]
    assert low <= result.mean_iou <= high
    assert result.mean_iou_interval() == (low, high)
    narrow = result.mean_iou_interval(level=0.2, samples=500, seed=1)
    assert narrow[1] - narrow[0] < high - low
    assert result.score == result.mean_iou
    assert seen[-1] == (5, 5)
    assert np.isnan(result.image_accuracy[0])
    assert np.isfinite(result.image_accuracy[1:]).all()


def brightest_channel():
    """A model whose class is the brightest channel."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Softmax()(image))


def test_ignored_classes_equal_scikit_learn(folder):
    """Class 0 is ignored like void: it is in no mean, and where it is predicted, it is an error of the true class."""
    index = ks.data.scan_folder(folder, num_classes=3, ignore_class=(0, 3))
    result = ks.evaluation.evaluate(brightest_channel(), index)
    truths, predictions = [], []
    for pair in index.pairs:
        image, mask = ks.data.read_image(pair.image), ks.data.read_mask(pair.mask)
        counted = (mask == 1) | (mask == 2)
        truths.append(mask[counted])
        predictions.append(image[counted].argmax(-1))
    truth, predicted = np.concatenate(truths), np.concatenate(predictions)
    assert (predicted == 0).any()
    iou = jaccard_score(truth, predicted, labels=[1, 2], average=None)
    np.testing.assert_allclose(result.iou, [np.nan, *iou])
    assert result.score == result.mean_iou == pytest.approx(iou.mean())
    assert result.ignore_class == (0, 3)
    found = result.to_dict()
    assert list(found["iou"].values()) == [None, *map(pytest.approx, iou)]
    assert found["pixel_accuracy"] == pytest.approx((truth == predicted).mean())
    for name, peer in (("mean_dice", f1_score), ("mean_precision", precision_score)):
        assert found[name] == pytest.approx(peer(truth, predicted, labels=[1, 2], average="macro"))
    # Bootstrap samples of one image each; the first image is void alone.
    of_images = [
        jaccard_score(*pair, labels=[1, 2], average=None) for pair in zip(truths[1:], predictions[1:], strict=True)
    ]
    np.testing.assert_allclose(result.iou_of_samples(np.eye(5)[1:])[:, 1:], of_images)
    assert np.isnan(result.iou_of_samples(np.eye(5)[1:])[:, 0]).all()
    np.testing.assert_allclose(result.scores_of_samples(np.eye(5)[1:]), np.mean(of_images, axis=1))
    interval = ks.metrics.confidence_interval(result.image_confusion, ignore_class=(0, 3))
    assert result.mean_iou_interval() == (interval.low, interval.high)


def test_ignored_classes_by_hand():
    # The IoU of class 1 is 1, that of class 2 is 1/2; class 0 is ignored, and predicted once per image.
    truth, ids = np.array([[[1, 1, 2, 2]]] * 2), np.array([[[1, 1, 2, 0]]] * 2)
    result = ks.evaluation.evaluate(brightest_channel(), [(10.0 * np.eye(3)[ids], truth)], ignore_class=0)
    suite = ks.metrics.MetricSuite(3, ignore_class=0)
    suite.update_state(truth, ids)
    assert result.mean_iou == float(suite.result()["mean_iou"]) == 0.75
    assert result.mean_iou_interval() == (0.75, 0.75)
    assert result.to_dict()["iou"] == {"class_0": None, "class_1": 1.0, "class_2": 0.5}


def test_absent_classes_are_none_in_json(folder, model):
    index = ks.data.scan_folder(folder, num_classes=3, ignore_class=3)
    empty = ks.evaluation.Evaluation(
        confusion=np.diag([5, 0, 2]), class_names=("a", "b", "c"), images=1, image_accuracy=np.ones(1)
    )
    assert empty.to_dict()["iou"] == {"a": 1.0, "b": None, "c": 1.0}
    assert empty.mean_iou == 1.0
    assert empty.to_dict()["mean_iou_interval"] is None
    assert index.num_classes == 3
    # Every pixel is ignored.
    nothing = dataclasses.replace(empty, confusion=np.zeros((3, 3), int), image_accuracy=np.full(1, np.nan))
    found = json.loads(json.dumps(nothing.to_dict(), allow_nan=False))
    assert {found[name] for name in ("mean_iou", "pixel_accuracy", "mean_dice", "frequency_weighted_iou")} == {None}


def test_classes_that_disagree(folder):
    index = ks.data.scan_folder(folder, num_classes=3, ignore_class=3)
    with pytest.raises(_validation.InputError, match="`model` must have the 3 classes of"):
        ks.evaluation.evaluate(ks.models.UNet(num_classes=5, filters=4, depth=2), index)


def test_one_output_channel_is_the_probability_of_class_one():
    image = keras.Input((None, None, 1))
    model = keras.Model(image, image / 255.0)
    ids = ks.inference.predict_classes(model, np.array([0.0, 127.0, 128.0, 255.0]).reshape(1, 1, 4, 1))
    assert ids.tolist() == [[[0, 0, 1, 1]]]
