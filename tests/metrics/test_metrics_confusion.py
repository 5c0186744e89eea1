import keras
import numpy as np
import pytest
import sklearn.metrics
from gradients import compiled
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import GOLDEN, case, filled

from keras_seg._validation import InputError
from keras_seg.losses import Crossentropy
from keras_seg.metrics import (
    BoundaryFScore,
    BoundaryIoU,
    ConfusionMatrix,
    Dice,
    ExpectedCalibrationError,
    FrequencyWeightedIoU,
    MeanAccuracy,
    MeanIoU,
    MetricSuite,
    MultiLabelConfusion,
    MultiLabelScore,
    PerClassIoU,
    PixelAccuracy,
    Precision,
    Recall,
    TrimapIoU,
    scores,
)


def pixels(matrix):
    """Ids (1, 1, n) of truth and prediction that have this matrix."""
    true, predicted = np.nonzero(matrix)
    counts = matrix[true, predicted]
    return np.repeat(true, counts)[None, None], np.repeat(predicted, counts)[None, None]


def network(classes=3):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1, activation="softmax")(inputs))


def test_golden_numbers():
    # IoU 50/59, 30/37, 0/4; accuracy 80/90; (50/55 + 30/35) / 2; (55 * 50/59 + 35 * 30/37) / 90
    assert scores.pixel_accuracy(GOLDEN) == pytest.approx(0.888889, abs=1e-6)
    assert scores.mean_accuracy(GOLDEN) == pytest.approx(0.883117, abs=1e-6)
    assert scores.mean_iou(GOLDEN) == pytest.approx(0.552756, abs=1e-6)
    assert scores.frequency_weighted_iou(GOLDEN) == pytest.approx(0.833206, abs=1e-6)
    np.testing.assert_allclose(scores.iou_per_class(GOLDEN), [50 / 59, 30 / 37, 0])
    batch = pixels(GOLDEN)
    np.testing.assert_array_equal(filled(ConfusionMatrix(3), *batch).result(), GOLDEN)
    assert float(filled(MeanIoU(3), *batch).result()) == pytest.approx(0.552756, abs=1e-6)
    assert float(filled(PixelAccuracy(3), *batch).result()) == pytest.approx(0.888889, abs=1e-6)
    result = filled(PerClassIoU(3, class_names=["sky", "road", "car"]), *batch).result()
    assert list(result) == ["sky", "road", "car"]
    np.testing.assert_allclose([float(v) for v in result.values()], [50 / 59, 30 / 37, 0], rtol=1e-6)


def test_scores_of_classes_without_pixels():
    matrix = [[3, 1, 0], [0, 4, 0], [0, 0, 0]]
    np.testing.assert_allclose(scores.iou_per_class(matrix), [3 / 4, 4 / 5, np.nan])
    assert scores.mean_iou(matrix) == pytest.approx((3 / 4 + 4 / 5) / 2)
    nothing = np.zeros((2, 2))
    for score in (scores.mean_iou, scores.pixel_accuracy, scores.mean_accuracy, scores.frequency_weighted_iou):
        assert np.isnan(score(nothing))
    assert np.isnan(float(MeanIoU(2).result()))


def test_scores_with_ignored_classes():
    # Class 0 ignored: its row goes, what was predicted as 0 stays an error. IoU_1 30/(30+4+1+0), IoU_2 2/(2+1).
    matrix = [[9, 9, 9], [4, 30, 1], [0, 0, 2]]
    np.testing.assert_allclose(scores.iou_per_class(matrix, ignore_class=0), [np.nan, 30 / 35, 2 / 3])
    assert scores.mean_iou(matrix, ignore_class=0) == pytest.approx((30 / 35 + 2 / 3) / 2)
    assert scores.pixel_accuracy(matrix, ignore_class=0) == pytest.approx(32 / 37)
    assert scores.mean_accuracy(matrix, ignore_class=0) == pytest.approx((30 / 35 + 1) / 2)
    assert scores.frequency_weighted_iou(matrix, ignore_class=0) == pytest.approx((35 * 30 / 35 + 2 * 2 / 3) / 37)
    assert scores.mean_iou(matrix, ignore_class=255) == scores.mean_iou(matrix)


@pytest.mark.parametrize("matrix", [[[1, 2, 3]], [1, 2], [[1, -1], [0, 1]], [[np.nan, 1], [1, 1]]])
def test_scores_of_what_is_no_matrix(matrix):
    with pytest.raises(InputError, match="`matrix` must"):
        scores.mean_iou(matrix)


@pytest.mark.parametrize("ignore", [None, 255, -1, (0, 255), 2])
def test_equals_scikit_learn(ignore):
    ignored = [] if ignore is None else np.atleast_1d(ignore).tolist()
    metric = ConfusionMatrix(4, ignore_class=ignore)
    kept_true, kept_predicted = [], []
    for seed in range(3):
        true, p = case(seed, void=ignored)
        metric.update_state(true, p)
        keep = ~np.isin(true, ignored)
        kept_true.append(true[keep])
        kept_predicted.append(p.argmax(-1)[keep])
    true, predicted = np.concatenate(kept_true), np.concatenate(kept_predicted)
    expected = sklearn.metrics.confusion_matrix(true, predicted, labels=range(4))
    np.testing.assert_array_equal(metric.result(), expected)
    assert metric.result().dtype == np.int64
    assert metric.ignored_pixels == 3 * 70 - len(true)
    judged = [c for c in range(4) if c not in ignored]
    iou = sklearn.metrics.jaccard_score(true, predicted, labels=judged, average=None)
    np.testing.assert_allclose(scores.iou_per_class(metric.result(), ignore_class=ignore)[judged], iou)
    assert scores.mean_iou(metric.result(), ignore_class=ignore) == pytest.approx(iou.mean())


def test_every_layout_gives_the_same_matrix():
    true, p = case()
    predicted = p.argmax(-1)
    expected = filled(ConfusionMatrix(4), true, p).result()
    for y_true in (true, true[..., None], np.eye(4)[true], true.astype("uint8"), true.astype("float32")):
        for y_pred in (p, np.log(p), predicted, predicted[..., None], predicted.astype("uint8")):
            np.testing.assert_array_equal(filled(ConfusionMatrix(4), y_true, y_pred).result(), expected)


def test_binary_single_channel():
    true = np.array([[[0, 0, 1, 1]]])
    y_pred = np.array([[[[0.1], [0.9], [0.5], [0.51]]]], "float32")
    np.testing.assert_array_equal(filled(ConfusionMatrix(2), true, y_pred).result(), [[1, 1], [1, 1]])


def test_masks_of_truth_values_are_ids():
    true, called = np.array([[[0, 0, 1, 1]]]), np.array([[[False, True, False, True]]])
    for y_pred in (called, called[..., None], np.stack([~called, called], axis=-1)):
        np.testing.assert_array_equal(filled(ConfusionMatrix(2), true, y_pred).result(), [[1, 1], [1, 1]])
        assert float(filled(BoundaryIoU(2, distance=1), true, y_pred).result()) == pytest.approx(1 / 3)


def test_counts_stay_exact():
    true, predicted = np.zeros((1, 1, 3), int), np.array([[[0, 0, 1]]])
    metric = filled(ConfusionMatrix(2), true, predicted)
    # float32 stops at 2^24, int32 at 2^31.
    for _ in range(34):
        metric.merge_state([metric])
    assert metric.result().tolist() == [[2 * 2**34, 2**34], [0, 0]]
    metric.update_state(true, predicted)
    assert metric.result().tolist() == [[2 * 2**34 + 2, 2**34 + 1], [0, 0]]
    metric.reset_state()
    assert metric.result().tolist() == [[0, 0], [0, 0]]


def test_a_batch_carries_into_the_second_limb():
    metric = ConfusionMatrix(2)
    metric._limbs.assign(np.array([[2**24 - 1, 0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0]], "int32"))
    metric.update_state(np.zeros((1, 1, 3), int), np.zeros((1, 1, 3), int))
    assert metric.result()[0, 0] == 6 * 2**24 + 2


def test_merging_equals_one_worker():
    batches = [case(seed, void=(255,)) for seed in range(4)]
    one = MeanIoU(4, ignore_class=255)
    workers = [MeanIoU(4, ignore_class=255) for _ in range(2)]
    for index, batch in enumerate(batches):
        one.update_state(*batch)
        workers[index % 2].update_state(*batch)
    merged = MeanIoU(4, ignore_class=255)
    merged.merge_state(workers)
    np.testing.assert_array_equal(merged.matrix, one.matrix)
    assert float(merged.result()) == float(one.result())
    assert merged.ignored_pixels == one.ignored_pixels
    for other in (MeanIoU(5, ignore_class=255), MeanIoU(4), keras.metrics.Mean()):
        with pytest.raises(InputError, match="`metrics` must hold metrics with num_classes=4"):
            merged.merge_state([other])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_permuting_pixels_and_splitting_batches(seed):
    true, p = case(seed, shape=(4, 2, 3), void=(255,))
    whole = filled(ConfusionMatrix(4, ignore_class=255), true, p).result()
    order = np.random.default_rng(seed).permutation(true.size)
    shuffled = true.reshape(-1)[order].reshape(true.shape), p.reshape(-1, 4)[order].reshape(p.shape)
    np.testing.assert_array_equal(filled(ConfusionMatrix(4, ignore_class=255), *shuffled).result(), whole)
    parts = filled(ConfusionMatrix(4, ignore_class=255), true[:2], p[:2])
    np.testing.assert_array_equal(filled(parts, true[2:], p[2:]).result(), whole)


def test_predictions_of_nan():
    true, p = case(11)
    p[0, 0, :2, 1] = np.nan
    with pytest.raises(InputError, match=r"`y_pred` holds NaN. Received: y_pred='2 pixels with NaN'"):
        MeanIoU(4).update_state(true, p)
    metric = filled(MeanIoU(4, out_of_range="count"), true, p)
    assert (metric.out_of_range_pixels, metric.matrix.sum()) == (2, 68)
    single = np.full((1, 1, 2, 1), np.nan, "float32")
    with pytest.raises(InputError, match="`y_pred` holds NaN"):
        MeanIoU(2).update_state(np.zeros((1, 1, 2), "int32"), single)
    # Infinite scores are scores, also where they add up to NaN.
    p = np.full((1, 1, 2, 4), -np.inf, "float32")
    p[..., 2] = np.inf
    assert filled(ConfusionMatrix(4), np.full((1, 1, 2), 3), p).result()[3, 2] == 2


@pytest.mark.parametrize(
    "metric",
    [
        *(kind(2) for kind in (ConfusionMatrix, MeanIoU, PerClassIoU, MeanAccuracy, FrequencyWeightedIoU, Dice)),
        *(kind(2) for kind in (Precision, Recall, BoundaryIoU, BoundaryFScore, TrimapIoU, ExpectedCalibrationError)),
        MetricSuite(2, metrics=("mean_iou", "boundary_iou")),
        MultiLabelConfusion(2),
        MultiLabelScore(2),
    ],
    ids=lambda metric: metric.name,
)
def test_every_metric_refuses_nan(metric):
    p = np.full((1, 6, 7, 2), 0.5, "float32")
    p[0, 0, 0, 1] = np.nan
    multi_label = isinstance(metric, MultiLabelConfusion)
    true = np.zeros((1, 6, 7, 2) if multi_label else (1, 6, 7), "int32")
    with pytest.raises(InputError, match="`y_pred` holds NaN. Received: y_pred='1 pixels with NaN'"):
        metric.update_state(true, p)
    assert metric.out_of_range_pixels == 0


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch runs it eagerly")
@pytest.mark.parametrize("classes", [4, 170])
@pytest.mark.parametrize("size_known", [True, False])
def test_predictions_of_nan_in_a_graph(classes, size_known):
    true, p = case(12, classes=classes)
    p[0, 0, :2, 1] = np.nan
    metric = ConfusionMatrix(classes, out_of_range="count")
    expected = filled(ConfusionMatrix(classes, out_of_range="count"), true, p)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        shapes = (true.shape, p.shape) if size_known else ((None,) * 3, (None, None, None, classes))
        signature = [tf.TensorSpec(shape, x.dtype) for shape, x in zip(shapes, (true, p), strict=True)]
        tf.function(metric.update_state, input_signature=signature)(true, p)
    else:
        state = [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]
        for variable, value in zip(
            metric.variables, compiled(metric.stateless_update_state)(state, true, p), strict=True
        ):
            variable.assign(value)
    np.testing.assert_array_equal(metric.matrix, expected.matrix)
    assert metric.out_of_range_pixels == 2


def test_threshold_of_a_single_channel():
    true, y_pred = np.array([[[0, 0, 1, 1]]]), np.array([[[[0.1], [0.3], [0.3], [0.9]]]], "float32")
    assert filled(ConfusionMatrix(2, threshold=0.2), true, y_pred).result().tolist() == [[1, 1], [0, 2]]
    for threshold in (0, 1, -0.5, float("nan"), "0.5"):
        with pytest.raises(InputError, match="`threshold` must"):
            ConfusionMatrix(2, threshold=threshold)


def test_masks():
    true, p = case(3)
    mask = np.random.default_rng(0).random(true.shape) > 0.5
    expected = sklearn.metrics.confusion_matrix(true[mask], p.argmax(-1)[mask], labels=range(4))
    for weight in (mask, mask.astype("float32"), mask[..., None].astype("int32")):
        np.testing.assert_array_equal(filled(ConfusionMatrix(4), true, p, sample_weight=weight).result(), expected)
    image = filled(ConfusionMatrix(4), true, p, sample_weight=np.array([0.0, 1.0]))
    np.testing.assert_array_equal(image.result(), filled(ConfusionMatrix(4), true[1:], p[1:]).result())
    assert image.ignored_pixels == 35


@pytest.mark.parametrize("kind", [MeanIoU, BoundaryIoU, ExpectedCalibrationError])
def test_one_channel_of_logits(kind):
    true = case(6)[0] % 2
    logits = np.random.default_rng(6).normal(size=(*true.shape, 1)).astype("float32") * 3
    p = 1 / (1 + np.exp(-logits))
    metric = filled(kind(2, from_logits=True), true, logits)
    assert float(metric.result()) == pytest.approx(float(filled(kind(2), true, p).result()), abs=1e-6)
    assert kind.from_config(metric.get_config()).from_logits
    with pytest.raises(InputError, match="`y_pred` must hold probabilities from 0 to 1.*from_logits=True"):
        kind(2).update_state(true, logits)


def test_the_threshold_is_one_of_probabilities_for_logits_too():
    true = case(6)[0] % 2
    logits = np.random.default_rng(7).normal(size=(*true.shape, 1)).astype("float32")
    expected = sklearn.metrics.confusion_matrix(true.ravel(), (1 / (1 + np.exp(-logits)) > 0.3).ravel())
    ours = filled(ConfusionMatrix(2, threshold=0.3, from_logits=True), true, logits).result()
    np.testing.assert_array_equal(ours, expected)


def test_logits_taken_for_probabilities_show_in_a_graph():
    if keras.backend.backend() == "torch":
        pytest.skip("PyTorch is always eager")
    true, logits = case(6)[0] % 2, np.full((2, 5, 7, 1), 3.0, "float32")
    metric = MeanIoU(2)
    state = [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]
    state = compiled(metric.stateless_update_state)(state, *map(keras.ops.convert_to_tensor, (true, logits)))
    with pytest.raises(InputError, match="a single channel outside .0, 1..*70 such pixels.*from_logits=True"):
        metric.stateless_result(state)


def test_ids_outside_the_classes_raise():
    true, p = case(4)
    metric = filled(ConfusionMatrix(4), true, p)
    before = metric.result()
    bad = true.copy()
    bad[0, 0, :2] = [7, 255]
    with pytest.raises(InputError, match=r"`y_true` holds labels that are neither a class, 0 to 3.*\[7, 255\]"):
        metric.update_state(bad, p)
    predicted = p.argmax(-1)
    predicted[0, 0, 0] = 4
    with pytest.raises(InputError, match=r"`y_pred` holds ids outside 0 to 3. Received: y_pred=\[4\]"):
        metric.update_state(true, predicted)
    with pytest.raises(InputError, match="fraction"):
        metric.update_state(np.full(true.shape, 0.5, "float32"), p)
    with pytest.raises(InputError, match="fraction"):  # Not void, although it is -1 cast to an integer.
        MeanIoU(4, ignore_class=-1).update_state(np.full(true.shape, -1.5, "float32"), p)
    # What raised was not counted.
    np.testing.assert_array_equal(metric.result(), before)
    counting = filled(ConfusionMatrix(4, ignore_class=255, out_of_range="count"), bad, predicted)
    assert (counting.out_of_range_pixels, counting.ignored_pixels, counting.result().sum()) == (1, 1, 68)


@pytest.mark.parametrize("fault", ["label", "weight"])
def test_faults_in_a_graph_make_the_result_nan_and_then_raise(fault):
    true, p = case(5)
    weight = np.ones(true.shape, "float32")
    if fault == "label":
        true[0, 0, 0] = 200
    else:
        weight[0, 0, 0] = 0.5
    metric = MeanIoU(4)
    state = [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]

    def step(state, y_true, y_pred, sample_weight):
        state = metric.stateless_update_state(state, y_true, y_pred, sample_weight)
        return state, metric.stateless_result(state)

    if keras.backend.backend() == "torch":
        with pytest.raises(InputError):
            step(state, true, p, weight)
        return
    state, result = compiled(step)(state, *map(keras.ops.convert_to_tensor, (true, p, weight)))
    assert np.isnan(float(result))
    with pytest.raises(InputError, match="1 such pixels" if fault == "label" else "1 pixels with another weight"):
        metric.stateless_result(state)


def test_fit_and_evaluate_report_stray_labels():
    true, _ = case(6, classes=3)
    true[0, 0, 0] = 200
    images = np.zeros((*true.shape, 3), "float32")
    net = network()
    net.compile("sgd", loss=lambda t, p: keras.ops.mean(p), metrics=[MeanIoU(3)])
    with pytest.raises(InputError, match=r"1 such pixels|\[200\]"):
        net.fit(images, true, verbose=0)
    with pytest.raises(InputError, match=r"1 such pixels|\[200\]"):
        net.evaluate(images, true, verbose=0)
    net.compile("sgd", loss=lambda t, p: keras.ops.mean(p), metrics=[MeanIoU(3, out_of_range="count")])
    assert np.isfinite(net.evaluate(images, true, verbose=0)[1])


def test_compiled_equals_eager():
    batches = [case(seed, void=(255, 1)) for seed in range(2)]
    for metric in (MeanIoU(4, ignore_class=(1, 255)), PixelAccuracy(4, ignore_class=(1, 255))):

        def step(state, y_true, y_pred, metric=metric):
            state = metric.stateless_update_state(state, y_true, y_pred)
            return state, metric.stateless_result(state)

        run, state = compiled(step), [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]
        for batch in batches:
            metric.update_state(*batch)
            state, result = run(state, *map(keras.ops.convert_to_tensor, batch))
        np.testing.assert_allclose(float(result), float(metric.result()), rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA is what jit is on JAX")
def test_tensorflow_xla():
    import tensorflow as tf

    true, p = case(7, void=(255,))
    metric = ConfusionMatrix(4, ignore_class=255)
    tf.function(metric.update_state, jit_compile=True)(tf.constant(true), tf.constant(p))
    np.testing.assert_array_equal(metric.result(), filled(ConfusionMatrix(4, ignore_class=255), true, p).result())


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_in_a_compiled_model(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    true, _ = case(8, classes=3, shape=(8, 6, 5))
    images = np.random.default_rng(0).random((*true.shape, 3)).astype("float32")
    net = network()
    names = ["sky", "road", "car"]
    metrics = [
        MeanIoU(3),
        PixelAccuracy(3),
        PerClassIoU(3, class_names=names),
        PerClassIoU(3, ignore_class=2, class_names=names, prefix="iou_"),
    ]
    metrics[3].name = "second"
    net.compile("sgd", loss=Crossentropy(), metrics=metrics)
    history = net.fit(images, true, batch_size=4, validation_data=(images, true), verbose=0).history
    logs = {"mean_iou", "pixel_accuracy", *names, "iou_sky", "iou_road"}
    assert set(history) == {"loss", "val_loss"} | logs | {f"val_{name}" for name in logs}
    logs = net.evaluate(images, true, batch_size=4, verbose=0, return_dict=True)
    matrix = sklearn.metrics.confusion_matrix(
        true.ravel(), net.predict(images, verbose=0).argmax(-1).ravel(), labels=range(3)
    )
    assert logs["mean_iou"] == pytest.approx(scores.mean_iou(matrix), rel=1e-6)
    assert logs["pixel_accuracy"] == pytest.approx(scores.pixel_accuracy(matrix), rel=1e-6)
    np.testing.assert_allclose([logs[name] for name in names], scores.iou_per_class(matrix), rtol=1e-6)
    if policy != "float32":
        return
    net.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.evaluate(images, true, batch_size=4, verbose=0, return_dict=True) == pytest.approx(logs, rel=1e-6)


@pytest.mark.parametrize("kind", [ConfusionMatrix, MeanIoU, PixelAccuracy, PerClassIoU])
def test_config_round_trip(kind):
    metric = kind(3, ignore_class=(0, 255), class_names=["a", "b", "c"], out_of_range="count", name="m")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is kind
    assert again.get_config() == metric.get_config()
    assert (again.num_classes, again.ignore_class, again.out_of_range) == (3, (0, 255), "count")
    assert (again.class_names, again.name) == (("a", "b", "c"), "m")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "`num_classes` must be an integer of at least 2"),
        ({"num_classes": 2.0}, "`num_classes` must be an integer"),
        ({"num_classes": 2, "ignore_class": (0, 1)}, "`ignore_class` must leave a class"),
        ({"num_classes": 2, "ignore_class": 1.5}, "`ignore_class` must be None"),
        ({"num_classes": 2, "class_names": ["a"]}, "`class_names` must hold 2 names"),
        ({"num_classes": 2, "out_of_range": "rase"}, "Did you mean 'raise'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        ConfusionMatrix(**arguments)


def test_a_class_must_not_shadow_the_loss():
    with pytest.raises(InputError, match=r'Pass prefix="iou_"'):
        PerClassIoU(2, class_names=["loss", "gain"])
    assert list(PerClassIoU(2, class_names=["loss", "gain"], prefix="iou_").result()) == ["iou_loss", "iou_gain"]


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ((2, 3, 5), np.zeros((2, 3, 5, 3), "float32"), "Its last dimension must equal num_classes=4"),
        ((2, 3, 5), np.zeros((2, 3, 5, 1), "float32"), "Its last dimension must equal num_classes=4"),
        ((2, 3, 5), np.zeros((2, 3, 5), "float32"), "must be of an integer type.*Cast them to int32"),
        ((2, 3, 5), np.zeros((2, 3), "int32"), "`y_pred` must be probabilities"),
        ((2, 3), np.zeros((2, 3, 5), "int32"), "`y_true` must be ids"),
        ((2, 3, 5, 3), np.zeros((2, 3, 5), "int32"), "`y_true` must be ids"),
        ((2, 3, 4), np.zeros((2, 3, 5), "int32"), "`y_true` must have the batch, height and width"),
    ],
)
def test_bad_shapes(true, predicted, message):
    with pytest.raises(InputError, match=message):
        ConfusionMatrix(4).update_state(np.zeros(true, "int32"), predicted)


# What keras.metrics.MeanIoU gets wrong, each with the number it should be.


def test_not_keras_softmax_input_with_the_defaults():
    true, p = case(9)
    assert float(filled(MeanIoU(4), true, p).result()) == pytest.approx(
        sklearn.metrics.jaccard_score(true.ravel(), p.argmax(-1).ravel(), average="macro"), rel=1e-6
    )


def test_not_keras_sigmoid_input_is_not_truncated():
    y_pred = np.array([[[[0.2], [0.9]]]], "float32")
    assert float(filled(MeanIoU(2), np.array([[[0, 1]]]), y_pred).result()) == 1.0
    with pytest.raises(InputError, match="integer type"):
        MeanIoU(2).update_state(np.array([[[0, 1]]]), y_pred[..., 0])


def test_not_keras_an_ignored_class_inside_the_range_is_out_of_the_mean():
    # Pixels of class 0 are ignored; class 1 has 3/4 (one pixel of it called 0), so the mean is .75 and not .75/2.
    true, predicted = np.array([[[0, 0, 1, 1, 1, 1]]]), np.array([[[0, 1, 1, 1, 1, 0]]])
    assert float(filled(MeanIoU(2, ignore_class=0), true, predicted).result()) == 0.75


def test_not_keras_fractional_weights_do_not_become_zero():
    true, p = case(10)
    with pytest.raises(InputError, match=r"`sample_weight` must be a mask of zeros and ones.*weighted_metrics"):
        MeanIoU(4).update_state(true, p, sample_weight=np.full(true.shape, 0.5))
