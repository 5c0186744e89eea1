import keras
import numpy as np
import pytest
import scipy.ndimage
from gradients import compiled
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import case, filled

from keras_seg._validation import InputError
from keras_seg.metrics import BoundaryFScore, BoundaryIoU, MeanIoU, PerClassIoU, TrimapIoU

SQUARE = np.ones((3, 3))
KINDS = [BoundaryIoU, BoundaryFScore, TrimapIoU]


def squares(shift):
    true, predicted = np.zeros((1, 100, 100), "int32"), np.zeros((1, 100, 100), "int32")
    true[:, 30:70, 30:70] = 1
    predicted[:, 30:70, 30 + shift : 70 + shift] = 1
    return true, predicted


def blobs(seed, classes=4, shape=(2, 17, 23), void=()):
    """Maps of a few regions each, which noise would not have."""
    random = np.random.default_rng(seed)
    noise = scipy.ndimage.gaussian_filter(random.standard_normal((2, *shape, classes)), (0, 0, 2, 2, 0))
    true, predicted = noise.argmax(-1).astype("int32")
    for item in void:
        true[scipy.ndimage.gaussian_filter(random.standard_normal(shape), (0, 2, 2)) > 0.1] = item
    return true, predicted


def eroded(mask, times, border_value):
    return scipy.ndimage.binary_erosion(mask, SQUARE, iterations=times, border_value=border_value)


def slow_boundary_iou(true, predicted, classes, ignored, ratio=0.02, distance=None):
    """The formula of the paper, class by class."""
    both, either = np.zeros(classes), np.zeros(classes)
    for t, p in zip(true, predicted, strict=True):
        d = distance or max(1, round(ratio * np.hypot(*t.shape)))
        counted = ~np.isin(t, ignored)
        for c in range(classes):
            bands = []
            for ids in (t, p):
                mask = (ids == c) & counted
                bands.append(mask & ~eroded(mask, d, 0))
            both[c] += (bands[0] & bands[1]).sum()
            either[c] += (bands[0] | bands[1]).sum()
    with np.errstate(invalid="ignore"):
        return np.where(np.isin(range(classes), ignored), np.nan, both / either)


def slow_f_score(true, predicted, classes, ignored, tolerance):
    """Scores (images, classes) by distance transforms, NaN without a contour."""
    out = np.full((len(true), classes), np.nan)
    for i, (t, p) in enumerate(zip(true, predicted, strict=True)):
        counted = ~np.isin(t, ignored)
        for c in [c for c in range(classes) if c not in ignored]:
            contours = []
            for ids in (t, p):
                mask = (ids == c) & counted
                contours.append(mask & ~eroded(mask, 1, 1))
            if not (contours[0].any() or contours[1].any()):
                continue
            shares = []
            for own, other in (contours, contours[::-1]):
                far = scipy.ndimage.distance_transform_edt(~other) if other.any() else np.full(own.shape, np.inf)
                shares.append((far[own] <= tolerance).mean() if own.any() else 0.0)
            out[i, c] = 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0
    return out


def by_class(metric):
    return np.array([float(value) for value in metric.result().values()])


def test_golden_squares():
    # d = round(.02 * 141.4) = 3: the band has 40^2 - 34^2 = 444 pixels. IoU 38 * 40 / (42 * 40) = .904762.
    true, predicted = squares(2)
    metric = filled(BoundaryIoU(2, per_class=True, class_names=["ground", "square"]), true, predicted)
    assert float(metric.result()["boundary_iou_square"]) == 0.5
    cells = metric._totals()[:9].reshape(3, 3)
    assert cells[1].sum() == cells[:, 1].sum() == 444
    mask_iou = filled(PerClassIoU(2, class_names=["ground", "square"]), true, predicted).result()["square"]
    assert float(mask_iou) == pytest.approx(0.904762, abs=1e-6)


@pytest.mark.slow_off_tensorflow
def test_perfect_predictions():
    true, _ = blobs(7)
    for kind in KINDS:
        assert float(filled(kind(4), true, true).result()) == 1.0


@pytest.mark.parametrize(
    ("void", "arguments"), [((), {}), ((255,), {"distance": 3}), ((1, 255), {"dilation_ratio": 0.1})]
)
def test_boundary_iou_equals_erosion_by_scipy(void, arguments):
    true, predicted = blobs(0, void=void)
    metric = filled(BoundaryIoU(4, ignore_class=void or None, per_class=True, **arguments), true, predicted)
    ratio, distance = arguments.get("dilation_ratio", 0.02), arguments.get("distance")
    expected = slow_boundary_iou(true, predicted, 4, void, ratio, distance)
    np.testing.assert_allclose(by_class(metric), expected[~np.isnan(expected)], rtol=1e-6)
    mean = filled(BoundaryIoU(4, ignore_class=void or None, **arguments), true, predicted)
    assert float(mean.result()) == pytest.approx(np.nanmean(expected), rel=1e-6)
    assert mean.ignored_pixels == np.isin(true, void).sum()


@pytest.mark.parametrize(("void", "arguments"), [((), {}), ((255,), {"tolerance": 2.5}), ((1, 255), {"tolerance": 0})])
def test_boundary_f_score_equals_distance_transforms_by_scipy(void, arguments):
    true, predicted = blobs(1, void=void)
    tolerance = arguments.get("tolerance", 0.0075 * np.hypot(17, 23))
    expected = slow_f_score(true, predicted, 4, void, tolerance)
    metric = filled(BoundaryFScore(4, ignore_class=void or None, per_class=True, **arguments), true, predicted)
    np.testing.assert_allclose(by_class(metric), np.nanmean(expected[:, ~np.isin(range(4), void)], axis=0), atol=2e-6)
    mean = filled(BoundaryFScore(4, ignore_class=void or None, **arguments), true, predicted)
    assert float(mean.result()) == pytest.approx(np.nanmean(np.nanmean(expected, axis=1)), abs=2e-6)


@pytest.mark.slow_off_tensorflow
def test_more_classes_than_bits():
    true, predicted = blobs(2, classes=70)
    expected = slow_f_score(true, predicted, 70, (), 2.0)
    metric = filled(BoundaryFScore(70, tolerance=2), true, predicted)
    assert float(metric.result()) == pytest.approx(np.nanmean(np.nanmean(expected, axis=1)), abs=2e-6)


@pytest.mark.parametrize("void", [(), (255,)])
def test_trimap_iou_equals_distances_by_scipy(void):
    true, predicted = blobs(3, void=void)
    for width in (1, 4):
        near = np.zeros(true.shape, bool)
        for i, t in enumerate(true):
            for value in np.unique(t):
                near[i] |= (t == value) & (scipy.ndimage.distance_transform_cdt(t == value, "chessboard") <= width)
        expected = filled(MeanIoU(4, ignore_class=void or None), true, predicted, sample_weight=near).result()
        metric = filled(TrimapIoU(4, ignore_class=void or None, width=width), true, predicted)
        assert float(metric.result()) == float(expected)
        assert metric.ignored_pixels == (~near | np.isin(true, void)).sum()
    wide = filled(TrimapIoU(4, ignore_class=void or None, width=40), true, predicted)
    assert float(wide.result()) == float(filled(MeanIoU(4, ignore_class=void or None), true, predicted).result())


@pytest.mark.slow_off_tensorflow
def test_a_class_without_a_boundary():
    one = np.zeros((2, 17, 23), "int32")
    other = one.copy()
    other[:, 5:9, 5:9] = 1
    # The border of the image is a boundary for Boundary IoU only, as in the paper.
    assert float(filled(BoundaryIoU(2), one, one).result()) == 1.0
    assert np.isnan(float(filled(BoundaryFScore(2), one, one).result()))
    assert np.isnan(float(filled(TrimapIoU(2), one, one).result()))
    assert float(filled(BoundaryFScore(2), one, other).result()) == 0.0
    for kind in KINDS:
        assert np.isnan(float(kind(2).result()))
    # An image without contours leaves the mean of the others alone.
    metric = filled(filled(BoundaryFScore(2), other, other), one, one)
    assert float(metric.result()) == 1.0


@pytest.mark.slow_off_tensorflow
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_batches_merging_and_mirroring(seed):
    true, predicted = blobs(seed, void=(255,))
    for kind in KINDS:
        whole = filled(kind(4, ignore_class=255), true, predicted)
        parts = [filled(kind(4, ignore_class=255), true[i : i + 1], predicted[i : i + 1]) for i in (1, 0)]
        parts[0].merge_state(parts[1:])
        np.testing.assert_array_equal(parts[0]._totals(), whole._totals())
        mirrored = filled(kind(4, ignore_class=255), true[:, :, ::-1], predicted[:, :, ::-1])
        np.testing.assert_array_equal(mirrored._totals(), whole._totals())


@pytest.mark.slow_off_tensorflow
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_renaming_classes(seed):
    true, predicted = blobs(seed)
    names = np.random.default_rng(seed).permutation(4).astype("int32")
    for kind in KINDS:
        before = by_class(filled(kind(4, per_class=True), true, predicted))
        after = by_class(filled(kind(4, per_class=True), names[true], names[predicted]))
        np.testing.assert_allclose(after[names], before)


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_equals_eager(kind):
    true, _ = blobs(4, void=(255,))
    _, p = case(4, shape=(2, 17, 23))
    metric = kind(4, ignore_class=255)

    def step(state, y_true, y_pred):
        state = metric.stateless_update_state(state, y_true, y_pred)
        return state, metric.stateless_result(state)

    state = [keras.ops.zeros(v.shape, v.dtype) for v in metric.variables]
    _, result = compiled(step)(state, *map(keras.ops.convert_to_tensor, (true, p)))
    metric.update_state(true, p)
    assert float(result) == pytest.approx(float(metric.result()), rel=1e-6)


def test_counts_stay_exact():
    # float32 stops at 2^24, int32 at 2^31.
    true, predicted = blobs(8)
    for kind in (BoundaryIoU, TrimapIoU):
        metric = filled(kind(4), true, predicted)
        before, value = metric._totals(), float(metric.result())
        for _ in range(30):
            metric.merge_state([metric])
        filled(metric, true, predicted)
        np.testing.assert_array_equal(metric._totals(), before * (2**30 + 1))
        assert float(metric.result()) == value


@pytest.mark.tensorflow_only
def test_sizes_unknown_in_a_graph():
    import tensorflow as tf

    true, predicted = blobs(5)
    spec = tf.TensorSpec((None, None, None), "int32")
    for kind, pixels in ((BoundaryIoU, {"distance": 2}), (BoundaryFScore, {"tolerance": 2}), (TrimapIoU, {"width": 2})):
        metric = kind(4, **pixels)
        tf.function(metric.update_state, input_signature=[spec, spec])(true, predicted)
        np.testing.assert_array_equal(metric._totals(), filled(kind(4, **pixels), true, predicted)._totals())
    for kind, fix in ((BoundaryIoU, "distance=3"), (BoundaryFScore, "tolerance=3")):
        with pytest.raises(InputError, match=f"known height and width.*{fix}"):
            tf.function(kind(4).update_state, input_signature=[spec, spec], autograph=False)(true, predicted)


def test_strays_raise_or_are_counted():
    true, predicted = blobs(6)
    true[0, 0, 0] = 9
    for kind in KINDS:
        with pytest.raises(InputError, match=r"`y_true` holds labels.*\[9\]"):
            kind(4).update_state(true, predicted)
        assert filled(kind(4, out_of_range="count"), true, predicted).out_of_range_pixels == 1


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (BoundaryIoU, {"dilation_ratio": 0.05}),
        (BoundaryFScore, {"tolerance": 2.5}),
        (TrimapIoU, {"width": 3}),
    ],
)
def test_config_round_trip(kind, arguments):
    metric = kind(3, ignore_class=(0, 255), class_names=["a", "b", "c"], per_class=True, threshold=0.3, **arguments)
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is kind
    assert again.get_config() == metric.get_config()
    assert {key: getattr(again, key) for key in arguments} == arguments
    with pytest.raises(InputError, match=f"`metrics` must hold metrics with .*{list(arguments)[-1]}="):
        metric.merge_state([kind(3, ignore_class=(0, 255))])


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (BoundaryIoU, {"dilation_ratio": 0}, "`dilation_ratio` must lie between 0 and 1"),
        (BoundaryIoU, {"distance": 0}, "`distance` must be an integer of at least 1"),
        (BoundaryFScore, {"tolerance_ratio": 1.5}, "`tolerance_ratio` must lie between 0 and 1"),
        (BoundaryFScore, {"tolerance": -1}, "`tolerance` must be a finite number"),
        (TrimapIoU, {"width": 1.5}, "`width` must be an integer"),
        (TrimapIoU, {"per_class": 1}, "`per_class` must be True or False"),
        (TrimapIoU, {"threshold": 1.0}, "`threshold` must lie between 0 and 1"),
    ],
)
def test_bad_arguments(kind, arguments, message):
    with pytest.raises(InputError, match=message):
        kind(3, **arguments)
