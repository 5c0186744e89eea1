"""The data that every evaluation takes, and the models that it refuses."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.evaluation import (
    choose_postprocessing,
    evaluate,
    evaluate_boundaries,
    evaluate_instances,
    tta_report,
    tune_instances,
)

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A val split of three images with two classes, and a train split that must not be taken."""
    path = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 3)):
        for kind in ("images", "masks"):
            (path / split / kind).mkdir(parents=True)
        for number in range(count):
            mask = (rng.random((16, 20)) > 0.5).astype("uint8")
            image = rng.integers(0, 255, (16, 20, 3)).astype("uint8")
            Image.fromarray(mask).save(path / split / "masks" / f"{number}.png")
            Image.fromarray(image).save(path / split / "images" / f"{number}.png")
    return path


def batches_of(index):
    images = np.stack([ks.data.read_image(pair.image) for pair in index.pairs])
    masks = np.stack([index.read_labels(position) for position in range(len(index))])
    return [(images[:2], masks[:2]), (images[2:], masks[2:])]


def model_of(classes, activation="softmax"):
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(classes, 3, padding="same", activation=activation)(image / 255.0))


def broken(classes):
    model = model_of(classes)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    return model


def halved(classes):
    """A model of half of the resolution."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(classes, 1, strides=2, activation="softmax")(image))


def two_outputs():
    image = keras.Input((None, None, 3))
    first = keras.layers.Conv2D(2, 1, activation="softmax", name="classes")(image)
    return keras.Model(image, {"classes": first, "edge": keras.layers.Conv2D(1, 1, name="edge")(image)})


def test_folder_index_and_batches_are_the_same(folder):
    model, index = model_of(2), ks.data.scan_folder(folder, split="val", num_classes=2)
    results = [evaluate(model, data) for data in (folder, index, batches_of(index), iter(batches_of(index)))]
    for result in results[1:]:
        np.testing.assert_array_equal(result.image_confusion, results[0].image_confusion)
        np.testing.assert_array_equal(result.image_accuracy, results[0].image_accuracy)
    assert results[0].images == 3
    named = evaluate(model, batches_of(index), class_names=["ground", "object"])
    assert list(named.to_dict()["iou"]) == ["ground", "object"]
    assert evaluate(model, folder, split="train").images == 1


def test_boundaries_of_folder_index_and_batches(folder):
    index = ks.data.scan_folder(folder, split="val", num_classes=2)
    results = [evaluate_boundaries(model_of(2), data, thresholds=()) for data in (folder, index, batches_of(index))]
    np.testing.assert_array_equal(results[0].counts[:, :, 2], results[1].counts[:, :, 2])
    np.testing.assert_array_equal(results[0].counts[:, :, 2], results[2].counts[:, :, 2])
    assert results[0].score == results[0].f_score


def test_objects_of_index_and_batches(tmp_path):
    ks.data.write_cells(tmp_path, train=1, val=2, image_size=64)
    model, index = model_of(3), ks.data.scan_instances(tmp_path, split="val")
    batches = [(ks.data.read_image(pair.image)[None], index.read_labels(i)[None]) for i, pair in enumerate(index.pairs)]
    results = [evaluate_instances(model, data) for data in (tmp_path, index, batches)]
    for result in results:
        np.testing.assert_array_equal(result.counts, results[0].counts)
        assert result.score == result.instance_score
    seen = []
    grid = {"threshold": (0.4, 0.6), "min_size": (0, 9)}
    tuned = [
        tune_instances(model, data, grid=grid, progress=lambda *count: seen.append(count)) for data in (index, batches)
    ]
    assert tuned[0] == tuned[1]
    assert seen == [(1, 2), (2, 2)] * 2
    assert json.loads(json.dumps(tuned[0].to_dict()))["settings"] == tuned[0].settings
    void = [(images, np.where(ids == 0, 7, ids)) for images, ids in batches]
    ignored = evaluate_instances(model, void, ignore_class=7)
    assert ignored.counts[:, 0, 1].sum() <= results[0].counts[:, 0, 1].sum()


def test_the_number_of_images_may_be_unknown(folder):
    index, seen = ks.data.scan_folder(folder, split="val", num_classes=2), []
    evaluate(model_of(2), ks.data.from_folder(index, batch_size=1), progress=lambda *count: seen.append(count))
    assert seen == [(1, None), (2, None), (3, None)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: evaluate(model_of(2), data, split="val"), "`split` applies to a folder only"),
        (lambda data: evaluate(model_of(2), data, class_names=["a"]), "`class_names` must hold 2 names"),
        (lambda data: evaluate_boundaries(model_of(2), data, num_classes=3), "`num_classes` applies to a folder only"),
        (
            lambda data: tta_report(ks.inference.TestTimeAugmentation(model_of(2), "hflip"), data, merge="max"),
            "`merge` cannot change a model with test-time augmentation",
        ),
        (
            lambda data: evaluate(model_of(2), data, progress="yes"),
            "`progress` must be True, False, None or a function",
        ),
        (lambda data: evaluate(model_of(2), [(data[0][0], data[0][1] + 7)]), r"`y_true` holds labels.*\[7, 8\]"),
        (lambda data: evaluate(model_of(2), []), "`data` must hold at least one image"),
        (lambda data: evaluate(None, data), "`model` must be a functional keras.Model"),
        (lambda data: tune_instances([np.zeros((4, 4, 3))], [np.zeros((4, 4), int)], split="val"), "`split` applies"),
    ],
)
def test_bad_arguments(folder, call, message):
    data = batches_of(ks.data.scan_folder(folder, split="val", num_classes=2))
    with pytest.raises(InputError, match=message) as caught:
        call(data)
    assert "\n" not in str(caught.value)


def test_an_index_of_another_task(folder):
    index = ks.data.scan_folder(folder, split="val", num_classes=2)
    with pytest.raises(InputError, match="`data` must be an index of this task.*FolderIndex.*scan_instances"):
        evaluate_instances(model_of(3), index)


@pytest.mark.parametrize("call", [evaluate, evaluate_boundaries, tta_report])
def test_predictions_of_nan_and_several_outputs(folder, call):
    data = batches_of(ks.data.scan_folder(folder, split="val", num_classes=2))
    with pytest.raises(InputError, match="The scores of `model` must be finite. Received: NaN"):
        call(broken(2), data[:1])
    with pytest.raises(InputError, match="`model` must have one output only. Received: 2 outputs, 'classes', 'edge'"):
        call(two_outputs(), data)


@pytest.mark.parametrize(
    ("call", "channels"),
    [
        (evaluate, 2),
        (evaluate_boundaries, 2),
        (choose_postprocessing, 2),
        (evaluate_instances, 3),
        (tune_instances, 3),
    ],
)
def test_scores_of_another_size(folder, call, channels):
    data, small = batches_of(ks.data.scan_folder(folder, split="val", num_classes=2)), halved(channels)
    flat = keras.Model(small.inputs, keras.layers.Reshape((-1, channels))(small.outputs[0]))
    for model, shape in ((small, (8, 10, channels)), (flat, (80, channels))):
        with pytest.raises(InputError, match="`model` must give scores .* for images of 16 x 20 pixels") as caught:
            call(model, data)
        assert f"scores of shape {shape}" in str(caught.value) and "\n" not in str(caught.value)


def test_instances_of_nan(folder):
    data = batches_of(ks.data.scan_folder(folder, split="val", num_classes=2))
    for call in (evaluate_instances, tune_instances):
        with pytest.raises(InputError, match="The scores of `model` must be finite. Received: NaN"):
            call(broken(3), data)


@pytest.mark.parametrize(("activation", "threshold"), [(None, 0.0), ("sigmoid", 0.5)])
def test_one_channel_is_cut_at_its_threshold(folder, activation, threshold):
    model, index = model_of(1, activation), ks.data.scan_folder(folder, split="val", num_classes=2)
    images = np.concatenate([images for images, _ in batches_of(index)]).astype("float32")
    truth = (model.predict_on_batch(images)[..., 0] > threshold).astype("int32")
    assert 0 < truth.mean() < 1
    assert evaluate(model, [(images, truth)]).mean_iou == 1.0
    assert tta_report(model, [(images, truth)], transforms="hflip", samples=5).mean_iou == 1.0
