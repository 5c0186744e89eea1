import keras
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.evaluation import counted_iou
from keras_seg.evaluation.logit_adjustment import STRENGTHS, _counts, choose_logit_adjustment, offsets

WEIGHTS = np.array([0.6, 3.0, 6.0])
RARE = np.array([0.8, 0.15, 0.05])


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Images whose channels hold the probabilities of each pixel's class, from which the class was drawn."""
    folder = tmp_path_factory.mktemp("drawn")
    draws = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(24):
        logits = np.log(RARE) + 1.5 * draws.normal(size=(48, 48, 3))
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        p = np.round(p * 255) / 255
        p /= p.sum(axis=-1, keepdims=True)
        mask = (p.cumsum(axis=-1) < draws.uniform(size=(48, 48, 1))).sum(axis=-1).clip(0, 2)
        mask[:4] = 255
        Image.fromarray(np.round(p * 255).astype("uint8")).save(folder / "images" / f"{number:02}.png")
        Image.fromarray(mask.astype("uint8")).save(folder / "masks" / f"{number:02}.png")
    return ks.data.scan_folder(folder, num_classes=3, ignore_class=255)


def weighted_model(weights):
    """The probabilities of the images, times the weights, as a cross-entropy with weights learns them."""
    inputs = keras.Input((None, None, 3))
    scores = keras.layers.Rescaling(1 / 255)(inputs)
    scores = keras.layers.Conv2D(3, 1, use_bias=False, name="weighted")(scores)
    model = keras.Model(inputs, keras.layers.Lambda(normalized, output_shape=(None, None, 3))(scores))
    model.get_layer("weighted").set_weights([np.diag(weights)[None, None].astype("float32")])
    return model


def normalized(x):
    return (x + 1e-6) / keras.ops.sum(x + 1e-6, axis=-1, keepdims=True)


def mean_iou(model, index, strength):
    """By hand."""
    right, union = np.zeros((2, 3))
    store = DecodedStore(index)
    for position in range(len(index)):
        image, mask = store.get(position)
        p = keras.ops.convert_to_numpy(model(image[None].astype("float32")))[0]
        ids = (np.log(p) - strength * np.log(WEIGHTS)).argmax(axis=-1)
        known = ~np.isin(mask, index.ignore_class)
        for c in range(3):
            right[c] += (known & (ids == c) & (mask == c)).sum()
            union[c] += (known & ((ids == c) | (mask == c))).sum()
    counted = [c for c in range(3) if c not in index.ignore_class]
    return (right[counted] / union[counted]).mean()


def test_the_smallest_strength_with_most_of_the_gain(index):
    model = weighted_model(WEIGHTS)
    found = choose_logit_adjustment(model, index, WEIGHTS)
    scores = {strength: mean_iou(model, index, strength) for strength in (0.0, *STRENGTHS)}
    gains = {strength: scores[strength] - scores[0.0] for strength in STRENGTHS}
    enough = [strength for strength in STRENGTHS if gains[strength] >= 0.75 * max(gains.values())]
    assert found.strength == enough[0] > 0
    assert found.gain.value == pytest.approx(gains[found.strength], abs=2e-4)
    assert 0 < found.gain.low < found.gain.value < found.gain.high


def test_ignored_classes_are_in_no_mean(index):
    ignoring = ks.data.scan_folder(index.path, num_classes=3, ignore_class=(0, 255))
    model = weighted_model(WEIGHTS)
    values = counted_iou.mean_iou(*_counts(model, ignoring, WEIGHTS).sum(axis=2))
    expected = [mean_iou(model, ignoring, strength) for strength in (0.0, *STRENGTHS)]
    np.testing.assert_allclose(values, expected, atol=2e-4)


def test_nothing_where_there_is_no_gain(index):
    # Of a model that predicts too little of the rare classes.
    found = choose_logit_adjustment(weighted_model(1 / WEIGHTS), index, WEIGHTS)
    assert found == (0.0, None)


def test_nothing_on_few_images(index):
    assert choose_logit_adjustment(weighted_model(WEIGHTS), index.subset(range(6)), WEIGHTS) == (0.0, None)


def test_offsets_are_those_of_the_classes_or_of_the_second():
    np.testing.assert_allclose(offsets([0.5, 2.0], 1.0, channels=2), [np.log(2), -np.log(2)])
    np.testing.assert_allclose(offsets([0.5, 2.0], 0.5, channels=1), [-np.log(2)])
