"""The scripts of segmentation_models' README and examples, with another import line; its losses and metrics."""

import json
import pathlib

import golden_segmentation_models as golden
import keras
import numpy as np
import pytest

import keras_seg as ks
import keras_seg.compat.segmentation_models as sm

GOLDEN = np.load(pathlib.Path(golden.__file__).with_suffix(".npz"))
FUNCTIONS = golden.functions(sm)
TRUTH = (np.random.default_rng(0).uniform(size=(2, 32, 32, 3)) > 0.6).astype("float32")
# Few layers: most of the time goes into the graph of a training step.
SMALL = {"decoder_filters": (32, 16, 8, 8, 8), "decoder_use_batchnorm": False}
IMAGES = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype("float32")


def test_every_function_of_the_old_package_is_here():
    assert {f"function {name}" for name in FUNCTIONS} == {key for key in GOLDEN if key.startswith("function")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_of_1_0_1(name):
    random = np.random.default_rng(0)
    truth = (random.uniform(size=(3, 8, 9, 4)) > 0.6).astype("float32")
    prediction = random.uniform(size=(3, 8, 9, 4)).astype("float32")
    for given in (truth, truth.astype("int32")):
        np.testing.assert_allclose(FUNCTIONS[name](given, prediction), GOLDEN[f"function {name}"], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("threshold", [None, 0.5])
@pytest.mark.parametrize("per_image", [False, True])
def test_scores_of_predictions_in_half_precision(dtype, threshold, per_image):
    """Of 270 x 270 pixels that are all predicted, 270 x 269 are right: more than float16 can count."""
    truth = np.ones((1, 270, 270, 1), "float32")
    truth[:, :, 0] = 0
    prediction = keras.ops.cast(np.ones_like(truth), dtype)
    settings = {"threshold": threshold, "per_image": per_image}
    for metric, wanted in (("IOUScore", 269 / 270), ("FScore", 538 / 539), ("Precision", 269 / 270), ("Recall", 1)):
        score = getattr(sm.metrics, metric)(**settings)(truth, prediction)
        assert float(score) == pytest.approx(wanted, rel=1e-6), metric


@pytest.mark.parametrize("kind", [np.array, tuple, list])
def test_weights_and_indices_of_classes_come_back_from_a_file(kind):
    """The old package's example of several classes has an array of weights."""
    weights, indices = kind([1, 2, 0.5]), kind([2, 0])
    prediction = np.random.default_rng(0).uniform(size=TRUTH.shape).astype("float32")
    for function in (
        sm.losses.DiceLoss(class_weights=weights) + (1 * sm.losses.CategoricalFocalLoss(class_indexes=indices)),
        sm.losses.CategoricalCELoss(class_weights=weights[:2], class_indexes=indices),
        sm.metrics.IOUScore(class_weights=weights[:2], class_indexes=indices, threshold=0.5),
    ):
        written = json.dumps(keras.saving.serialize_keras_object(function))
        again = keras.saving.deserialize_keras_object(json.loads(written))
        np.testing.assert_array_equal(again(TRUTH, prediction), function(TRUTH, prediction))


@pytest.mark.parametrize("truth, classes", [((2, 8, 8, 1), 3), ((2, 8, 8), 3), ((2, 8, 8, 3), 1), ((1, 8, 8), 1)])
def test_masks_of_other_channels_are_refused(truth, classes):
    """Ids would be broadcast over the classes, and give losses below zero and scores above one."""
    masks, prediction = np.ones(truth, "float32"), np.full((truth[0], 8, 8, classes), 0.5, "float32")
    for function in (
        sm.losses.dice_loss + (1 * sm.losses.categorical_focal_loss),
        sm.losses.categorical_crossentropy,
        sm.losses.binary_crossentropy,
        sm.losses.binary_focal_loss,
        sm.metrics.iou_score,
        sm.metrics.FScore(threshold=0.5, per_image=True, class_indexes=0),
    ):
        with pytest.raises(ks.InputError, match=r"`y_true` must be masks of 0 and 1.*to_categorical") as caught:
            function(masks, prediction)
        assert "\n" not in str(caught.value)


@pytest.mark.tensorflow_only
def test_masks_of_unknown_shape():
    """As those of a `tf.numpy_function`."""
    import tensorflow as tf

    shapes = [tf.TensorSpec(None), tf.TensorSpec((None, None, None, 3))]
    score = tf.function(lambda gt, pr: sm.metrics.iou_score(gt, pr), input_signature=shapes, autograph=False)
    assert float(score(TRUTH, TRUTH)) == pytest.approx(1)


def test_the_names_of_sums_and_multiples():
    total = sm.losses.DiceLoss() + (1 * sm.losses.BinaryFocalLoss())
    assert total.__name__ == "dice_loss_plus_1binary_focal_loss"
    assert (2.5 * (total + sm.losses.jaccard_loss)).name.startswith("2.5dice_loss_plus")
    with pytest.raises(ValueError, match="inherited"):
        sm.losses.dice_loss + 1
    with pytest.raises(ValueError, match="number"):
        sm.losses.dice_loss * sm.losses.dice_loss
    assert sm.metrics.f2_score.__name__ == "f2-score"


@pytest.mark.tensorflow_only
def test_the_script_of_the_examples(tmp_path):
    """Binary segmentation of CamVid: a sum of losses, metrics with a threshold, checkpoints, generators."""
    preprocess = sm.get_preprocessing("vgg16")
    model = sm.Unet("vgg16", classes=3, encoder_weights=None, encoder_freeze=True, **SMALL)
    total_loss = sm.losses.DiceLoss() + (1 * sm.losses.BinaryFocalLoss())
    metrics = [sm.metrics.IOUScore(threshold=0.5), sm.metrics.FScore(threshold=0.5)]
    # As in Keras 2: optimizer, loss, metrics.
    model.compile(keras.optimizers.Adam(0.0001), total_loss, metrics, run_eagerly=True)
    data = (preprocess(IMAGES), TRUTH)

    def generator():
        while True:
            yield data

    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", save_weights_only=True, save_best_only=True, mode="min"
    )
    history = model.fit_generator(
        generator(),
        steps_per_epoch=2,
        epochs=1,
        callbacks=[best],
        validation_data=generator(),
        validation_steps=1,
        workers=1,
    )
    assert {"loss", "iou_score", "f1-score", "val_iou_score", "val_f1-score"} <= set(history.history)
    sm.utils.set_trainable(model)
    assert all(layer.trainable for layer in model.layers)
    history = model.fit(*data, epochs=2, verbose=0)
    assert "iou_score" in history.history and history.history["loss"][-1] < history.history["loss"][0]
    model.load_weights(tmp_path / "best.weights.h5")
    scores = model.evaluate_generator(generator(), 1)
    assert len(scores) == 3
    predicted = model.predict(data[0], verbose=0)
    assert scores[1] == pytest.approx(float(sm.metrics.IOUScore(threshold=0.5)(TRUTH, predicted)), abs=1e-4)
    model.save(tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(loaded.evaluate(*data, verbose=0), scores, rtol=1e-4)


def test_losses_by_alias():
    model = sm.Unet("vgg16", encoder_weights=None, **SMALL)
    model.compile(keras.optimizers.Adam(0.0001), loss=sm.losses.bce_jaccard_loss, metrics=[sm.metrics.iou_score])
    history = model.fit(IMAGES / 255, TRUTH[..., :1], epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and 0 < history["iou_score"][0] < 1


def test_regularizers_reach_the_copy():
    model = sm.Unet("resnet18", encoder_weights=None)
    copy = sm.utils.set_regularization(model, kernel_regularizer=keras.regularizers.L2(0.01))
    assert not copy.compiled and len(copy.losses) > 20
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    total = sum(0.01 * float(keras.ops.sum(kernel**2)) for kernel in kernels)
    assert float(sum(copy.losses)) == pytest.approx(total, rel=1e-4)


def test_a_loss_of_many_pixels():
    """A sum over a million pixels in one go is off by 1e-5 in float32 on some backends."""
    random = np.random.default_rng(0)
    truth = (random.uniform(size=(2, 512, 768, 3)) > 0.6).astype("float32")
    prediction = random.uniform(size=truth.shape).astype("float32")
    t, p = truth.astype("float64"), prediction.astype("float64")
    wanted = 1 - np.mean(2 * (t * p).sum((0, 1, 2)) / (t.sum((0, 1, 2)) + p.sum((0, 1, 2))))
    assert abs(float(sm.losses.DiceLoss()(truth, prediction)) - wanted) < 2e-7
