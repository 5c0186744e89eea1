import keras
import numpy as np
import pytest
from gradients import compiled, gradient, numeric_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from keras_seg._validation import InputError
from keras_seg.losses import SoftIoU, soft_iou

BACKEND = keras.backend.backend()


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def case(seed=0, shape=(2, 3, 5), classes=4, void=()):
    random = np.random.default_rng(seed)
    p = softmax(random.normal(size=(*shape, classes))).astype("float32")
    ids = random.integers(0, classes, shape)
    for item in void:
        ids[random.random(shape) < 0.2] = item
    return ids, p


def reference(ids, p, ignored=(), absent="skip", smooth=0.0, class_weights=None, weight=None):
    """One class after the other, over all pixels given."""
    weight = np.ones(ids.shape) if weight is None else weight
    valid = ~np.isin(ids, ignored)
    total = mass = 0.0
    for c in range(p.shape[-1]):
        if c in ignored or not valid.any():
            continue
        w = 1.0 if class_weights is None else class_weights[c]
        truth, share, v = (ids == c)[valid], p[..., c][valid], weight[valid]
        if truth.any():
            i = (v * share * truth).sum()
            loss = 1 - (i + smooth) / ((v * share).sum() + (v * truth).sum() - i + smooth)
        elif absent == "skip":
            continue
        else:
            loss = 1.0 if absent == "zero" else (v * share).sum() / v.sum()
        total, mass = total + w * loss, mass + w
    return total / mass if mass else 0.0


@pytest.mark.parametrize("absent", ["skip", "zero", "count"])
@pytest.mark.parametrize("ignore", [None, 255, -1, (0, 255), 1])
@pytest.mark.parametrize("smooth", [0.0, 2.0])
def test_equals_the_slow_reference(absent, ignore, smooth):
    ignored = () if ignore is None else np.atleast_1d(ignore).tolist()
    ids, p = case(void=ignored)
    ids[ids == 2] = 3  # class 2 is absent
    weights = [1.0, 2.0, 3.0, 0.5]
    loss = SoftIoU(ignore_class=ignore, absent=absent, smooth=smooth, class_weights=weights)
    expected = reference(ids, p.astype("float64"), ignored, absent, smooth, weights)
    np.testing.assert_allclose(float(loss(ids, p)), expected, rtol=1e-5)
    np.testing.assert_allclose(float(loss(ids[..., None], p)), expected, rtol=1e-5)


def test_hand_derived():
    # class 0: I .5, P .5+0+.5, T 1: .5/1.5. class 1: I 1+.5, P .5+1+.5, T 2: 1.5/2.5. L = (2/3 + 2/5) / 2 = .533333
    p = np.array([[[[0.5, 0.5], [0, 1]], [[0.5, 0.5], [1, 0]]]], "float32")
    ids = np.array([[[0, 1], [1, 255]]])
    assert float(SoftIoU(ignore_class=255)(ids, p)) == pytest.approx(0.5333333, abs=1e-6)
    # All of class 0. skip: 1 - 1/2. zero: (.5 + 1) / 2. count: class 1 got 1 of 2 pixels, (.5 + .5) / 2.
    p, ids = np.array([[[[0.5, 0.5], [0.5, 0.5]]]], "float32"), np.zeros((1, 1, 2), int)
    values = [float(SoftIoU(absent=absent)(ids, p)) for absent in ("skip", "zero", "count")]
    np.testing.assert_allclose(values, [0.5, 0.75, 0.5], atol=1e-6)
    # Per image: 1 - 1/2 above, and an image that is right has 0; over the batch I 3, P 3, T 4.
    p = np.concatenate([p, np.array([[[[1, 0], [1, 0]]]], "float32")])
    ids = np.zeros((2, 1, 2), int)
    assert float(SoftIoU(per_image=True)(ids, p)) == pytest.approx(0.25, abs=1e-6)
    assert float(SoftIoU()(ids, p)) == pytest.approx(0.25, abs=1e-6)
    ids[1, 0, 1] = 255
    assert float(SoftIoU(ignore_class=255)(ids, p)) == pytest.approx(1 - 2 / 3, abs=1e-6)


def test_a_one_hot_prediction_is_scikit_learns_jaccard():
    ids, _ = case(1)
    predicted = np.random.default_rng(5).integers(0, 4, ids.shape)
    ours = float(SoftIoU()(ids, np.eye(4, dtype="float32")[predicted]))
    np.testing.assert_allclose(ours, 1 - jaccard_score(ids.ravel(), predicted.ravel(), average="macro"), rtol=1e-6)


@pytest.mark.parametrize("absent", ["skip", "zero", "count"])
@pytest.mark.parametrize("ignore", [None, 2, (2, 255)])
def test_per_image_is_the_mean_of_images(absent, ignore):
    ignored = () if ignore is None else np.atleast_1d(ignore).tolist()
    ids, p = case(2, shape=(3, 2, 3), void=ignored)
    each = [reference(ids[i], p[i].astype("float64"), ignored, absent) for i in range(3)]
    arguments = {"ignore_class": ignore, "absent": absent, "per_image": True}
    np.testing.assert_allclose(float(SoftIoU(**arguments)(ids, p)), np.mean(each), rtol=1e-5)
    none = SoftIoU(reduction="none", **arguments)(ids, p)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(none), each, rtol=1e-5)
    weight = np.array([1.0, 0.0, 3.0])
    weighted = float(SoftIoU(**arguments)(ids, p, sample_weight=weight))
    np.testing.assert_allclose(weighted, np.dot(weight, each) / 3, rtol=1e-5)


def test_an_image_without_valid_pixels_is_left_out_of_the_mean():
    ids, p = case(3, void=(255,))
    ids[1] = 255
    loss = SoftIoU(ignore_class=255, per_image=True)
    np.testing.assert_allclose(float(loss(ids, p)), reference(ids[0], p[0].astype("float64"), (255,)), rtol=1e-5)


def test_from_logits_and_one_hot_labels():
    ids, p = case(4)
    logits = np.log(p) + 3
    np.testing.assert_allclose(float(SoftIoU(from_logits=True)(ids, logits)), float(SoftIoU()(ids, p)), rtol=1e-5)
    for ignore in (None, 1):
        loss = SoftIoU(ignore_class=ignore)
        np.testing.assert_allclose(float(loss(np.eye(4)[ids], p)), float(loss(ids, p)), rtol=1e-6)


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("absent", ["skip", "zero", "count"])
def test_all_void_is_zero_with_zero_gradient(per_image, absent):
    ids, p = np.full((2, 3, 5), 255), case()[1]
    loss = SoftIoU(ignore_class=255, per_image=per_image, absent=absent)
    assert float(loss(ids, p)) == 0.0
    np.testing.assert_array_equal(gradient(lambda x: loss(ids, x), p), np.zeros_like(p))


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("absent", ["skip", "zero", "count"])
def test_gradient_is_numeric(per_image, absent):
    ids, p = case(5, shape=(2, 2, 3), void=(255,))
    ids[ids == 1] = 0
    loss = SoftIoU(ignore_class=255, per_image=per_image, absent=absent)

    def slow(x):
        if per_image:
            return np.mean([reference(ids[i], x[i], (255,), absent) for i in range(2)])
        return reference(ids, x, (255,), absent)

    ours = gradient(lambda x: loss(ids, x), p)
    np.testing.assert_allclose(ours, numeric_gradient(slow, p, 1e-5), rtol=1e-4, atol=1e-6)
    assert np.all(ours[ids == 255] == 0)


def test_pixel_weights():
    ids, p = case(6, void=(255,))
    weight = np.random.default_rng(0).random(ids.shape)
    expected = reference(ids, p.astype("float64"), (255,), weight=weight)
    loss = SoftIoU(ignore_class=255)
    np.testing.assert_allclose(float(loss(ids, p, sample_weight=weight)), expected, rtol=1e-5)
    # A weight of zero is the same as void.
    mask = (weight > 0.5).astype("float32")
    masked = float(loss(ids, p, sample_weight=mask))
    np.testing.assert_allclose(masked, float(loss(np.where(mask > 0, ids, 255), p)), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    ids, p = case(7, shape=(2, 100, 100))
    half = keras.ops.cast(p, dtype)
    exact = keras.ops.convert_to_numpy(keras.ops.cast(half, "float32"))
    np.testing.assert_allclose(float(SoftIoU()(ids, half)), float(SoftIoU()(ids, exact)), rtol=1e-6)
    assert np.all(np.isfinite(gradient(lambda x: SoftIoU()(ids, x), p, dtype=dtype)))


def test_saturated_logits():
    logits, ids = np.array([[[[1e4, -1e4], [1e4, -1e4]]]], "float32"), np.array([[[0, 1]]])
    loss = SoftIoU(from_logits=True)
    # class 0: 1 / 2; class 1: 0 / 1
    assert float(loss(ids, logits)) == pytest.approx(0.75, abs=1e-6)
    assert np.all(np.isfinite(gradient(lambda x: loss(ids, x), logits)))


def test_a_stray_label_never_vanishes():
    ids, p = case(8)
    ids[0, 0, 0] = 9
    with pytest.raises(InputError, match=r"Received: y_true=\[9\]"):
        SoftIoU()(ids, p)
    if BACKEND != "torch":
        run = compiled(lambda t, x: SoftIoU()(t, x))
        assert np.isnan(float(run(keras.ops.convert_to_tensor(ids), keras.ops.convert_to_tensor(p))))
        ids[0, 0, 0] = 0
        np.testing.assert_allclose(
            float(run(keras.ops.convert_to_tensor(ids), keras.ops.convert_to_tensor(p))),
            float(SoftIoU()(ids, p)),
            rtol=1e-6,
        )


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_permuting_pixels(seed):
    ids, p = case(seed, void=(255,))
    order = np.random.default_rng(seed).permutation(ids.size)
    loss = SoftIoU(ignore_class=255, absent="count")
    shuffled = loss(ids.reshape(-1)[order].reshape(ids.shape), p.reshape(-1, 4)[order].reshape(p.shape))
    value = float(loss(ids, p))
    assert 0 <= value <= 1
    np.testing.assert_allclose(float(shuffled), value, rtol=1e-5)


def test_function_equals_class_and_config_round_trip():
    arguments = {
        "ignore_class": (1, 255),
        "class_weights": [1.0, 0.0, 2.0, 3.0],
        "from_logits": True,
        "per_image": True,
        "absent": "count",
        "smooth": 1.5,
        "reduction": "sum",
    }
    ids, p = case(9)
    loss = SoftIoU(**arguments, name="iou")
    assert float(soft_iou(ids, p, **arguments)) == float(loss(ids, p))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert {key: getattr(again, key) for key in arguments} == {**arguments, "class_weights": (1.0, 0.0, 2.0, 3.0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"absent": "skipp"}, "`absent` is not a known option.*Did you mean 'skip'"),
        ({"smooth": -1}, "`smooth` must be a finite number"),
        ({"smooth": float("nan")}, "`smooth` must be a finite number"),
        ({"per_image": "yes"}, "`per_image` must be True or False"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        SoftIoU(**arguments)
