"""Scores of classes that overlap, against numbers worked out by hand."""

import keras
import numpy as np
import pytest
from made_data import overlapping

import keras_seg as ks
from keras_seg import _validation
from keras_seg.evaluation import MultiLabelEvaluation, evaluate_multilabel


def of_colors(activation="sigmoid"):
    """A model that sees the bar in blue and the box in red: above 125 is a logit above 0."""
    image = keras.Input((None, None, 3))
    scores = keras.layers.Conv2D(2, 1, name="logits")
    x = scores(image)
    kernel = np.zeros((1, 1, 3, 2), "float32")
    kernel[..., 2, 0] = kernel[..., 0, 1] = 0.1
    scores.set_weights([kernel, np.full(2, -12.5, "float32")])
    return keras.Model(image, keras.layers.Activation(activation)(x))


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_a_model_that_is_right(tmp_path, activation):
    result = evaluate_multilabel(of_colors(activation), overlapping(tmp_path), split="val")
    assert result.mean_iou == 1.0 and result.images == 2
    assert result.to_dict()["iou"] == {"bar": 1.0, "box": 1.0}
    assert result.to_dict()["mean_iou_interval"] == [1.0, 1.0]


def test_numbers_by_hand():
    """Class a: TP 2, FP 1, FN 1 in all; class b is nowhere; class c only predicted."""
    counts = np.zeros((2, 3, 2, 2), "int64")
    counts[0, 0], counts[1, 0] = [[5, 1], [0, 2]], [[7, 0], [1, 0]]
    counts[:, 1, 0, 0] = 8
    counts[:, 2] = [[7, 1], [0, 0]]
    result = MultiLabelEvaluation(counts=counts, class_names=("a", "b", "c"))
    np.testing.assert_allclose(result.iou, [2 / 4, np.nan, 0])
    assert result.mean_iou == 0.25  # (1 / 2 + 0) / 2
    summary = result.to_dict()
    assert summary["iou"] == {"a": 0.5, "b": None, "c": 0.0}
    assert summary["mean_recall"] == pytest.approx(2 / 3)
    assert summary["mean_precision"] == pytest.approx((2 / 3 + 0) / 2)
    # Two images: samples hold one of them twice, or both. IoU of a: 2 / 3, 0 or 1 / 2.
    np.testing.assert_allclose(result.iou_intervals()[0], [0, 2 / 3])
    np.testing.assert_allclose(result.image_scores, [1 / 3, 0])
    assert MultiLabelEvaluation(counts=counts[:1], class_names=("a", "b", "c")).iou_intervals() is None


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ([(np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 4)))], {}, "`data` must be a MultiLabelIndex or the path"),
        ("index", {"split": "val"}, "`split` cannot change a MultiLabelIndex"),
        ("index", {"batch_size": 0}, "`batch_size` must be an integer"),
    ],
)
def test_bad_input(tmp_path, data, options, message):
    if data == "index":
        data = ks.data.scan_multilabel(overlapping(tmp_path), split="train")
    with pytest.raises(_validation.InputError, match=message):
        evaluate_multilabel(of_colors(), data, **options)


@pytest.mark.tensorflow_only
def test_another_number_of_classes(tmp_path):
    model = ks.models.UNet(num_classes=3, filters=4, depth=1, activation="sigmoid")
    with pytest.raises(_validation.InputError, match="`model` must give a channel for each of the 2 classes"):
        evaluate_multilabel(model, overlapping(tmp_path), split="val")
