import functools

import keras
import numpy as np
import pytest
from gradients import compiled, gradient, numeric_gradient
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_seg._validation import InputError
from keras_seg.losses import Crossentropy, FocalCrossentropy, OHEMCrossentropy, crossentropy

torch = pytest.importorskip("torch")

BACKEND = keras.backend.backend()


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reference(ids, p, ignored=(), class_weights=None, sample_weight=None, smoothing=0.0):
    """One pixel after the other."""
    classes, total, count = p.shape[-1], 0.0, 0
    for where in np.ndindex(ids.shape):
        label = int(ids[where])
        if label in ignored:
            continue
        count += 1
        for c in range(classes):
            t = (1 - smoothing) * (c == label) + smoothing / classes
            w = 1.0 if class_weights is None else class_weights[c]
            v = 1.0 if sample_weight is None else sample_weight[where]
            total += v * w * t * -np.log(p[where][c])
    return total / max(count, 1)


def case(seed=0, shape=(2, 3, 5), classes=4, void=()):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(*shape, classes)).astype("float32")
    ids = random.integers(0, classes, shape)
    for item in void:
        ids[random.random(shape) < 0.2] = item
    return ids, logits


@pytest.mark.parametrize("ignore", [None, 11, 255, -1, (0, 255), 0])
@pytest.mark.parametrize("from_logits", [False, True])
def test_equals_the_slow_reference(ignore, from_logits):
    ignored = () if ignore is None else np.atleast_1d(ignore).tolist()
    ids, logits = case(void=ignored)
    y_pred = logits if from_logits else softmax(logits)
    loss = Crossentropy(ignore_class=ignore, from_logits=from_logits)
    expected = reference(ids, softmax(logits.astype("float64")), ignored)
    np.testing.assert_allclose(float(loss(ids, y_pred)), expected, rtol=1e-5)


def test_hand_derived():
    # pixels: p(label) .8, .5, .5, void. (-log .8 + 2 log 2) / 3 = (.223144 + 1.386294) / 3 = .536479
    p = np.array([[[[0.8, 0.2], [0.5, 0.5]], [[0.5, 0.5], [0.9, 0.1]]]], "float32")
    ids = np.array([[[0, 1], [1, 255]]])
    assert float(Crossentropy(ignore_class=255)(ids, p)) == pytest.approx(0.536479, abs=1e-6)
    none = keras.ops.convert_to_numpy(Crossentropy(ignore_class=255, reduction="none")(ids, p))
    np.testing.assert_allclose(none, [[[0.223144, 0.693147], [0.693147, 0]]], atol=1e-6)
    assert float(Crossentropy(ignore_class=255, reduction="sum")(ids, p)) == pytest.approx(1.609438, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_torch(smoothing, weighted):
    ids, logits = case(1, void=(255,))
    weights = [0.5, 2.0, 1.0, 0.25] if weighted else None
    ours = Crossentropy(ignore_class=255, from_logits=True, label_smoothing=smoothing, class_weights=weights)
    theirs = torch.nn.functional.cross_entropy(
        torch.tensor(logits).permute(0, 3, 1, 2),
        torch.tensor(ids),
        weight=None if weights is None else torch.tensor(weights),
        ignore_index=255,
        label_smoothing=smoothing,
    ).item()
    if weighted:
        # torch divides by the sum of the valid pixels' weights, Caffe and we by their number.
        valid = ids != 255
        theirs *= np.asarray(weights)[ids[valid]].sum() / valid.sum()
    np.testing.assert_allclose(float(ours(ids, logits)), theirs, rtol=1e-5)


@pytest.mark.parametrize("from_logits", [False, True])
def test_class_weights_and_smoothing_equal_the_slow_reference(from_logits):
    ids, logits = case(2, void=(255,))
    arguments = {"class_weights": [0.5, 2.0, 0.0, 0.25], "label_smoothing": 0.2}
    y_pred = logits if from_logits else softmax(logits)
    ours = Crossentropy(ignore_class=255, from_logits=from_logits, **arguments)(ids, y_pred)
    expected = reference(ids, softmax(logits.astype("float64")), (255,), arguments["class_weights"], None, 0.2)
    np.testing.assert_allclose(float(ours), expected, rtol=1e-5)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("ignore", [None, 2, (1, 3)])
def test_one_hot_labels_equal_ids(from_logits, ignore):
    ids, logits = case(3)
    y_pred = logits if from_logits else softmax(logits)
    loss = Crossentropy(ignore_class=ignore, from_logits=from_logits, class_weights=[1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(float(loss(np.eye(4)[ids], y_pred)), float(loss(ids, y_pred)), rtol=1e-6)
    np.testing.assert_allclose(float(loss(ids[..., None], y_pred)), float(loss(ids, y_pred)), rtol=1e-6)


def test_soft_labels():
    # t = (.25, .75), p = (.5, .5): log 2
    t, p = np.array([[[[0.25, 0.75]]]], "float32"), np.array([[[[0.5, 0.5]]]], "float32")
    assert float(Crossentropy()(t, p)) == pytest.approx(np.log(2), abs=1e-6)
    p = np.array([[[[0.1, 0.9]]]], "float32")
    assert float(Crossentropy()(t, p)) == pytest.approx(-0.25 * np.log(0.1) - 0.75 * np.log(0.9), abs=1e-6)


def test_all_zero_one_hot_rows_are_void_only_when_an_outside_label_is_ignored():
    ids, logits = case(4, void=(255,))
    rows = np.eye(256)[ids][..., :4]
    loss = Crossentropy(ignore_class=255, from_logits=True)
    np.testing.assert_allclose(float(loss(rows, logits)), float(loss(ids, logits)), rtol=1e-6)
    with pytest.raises(InputError, match="all-zero one-hot row"):
        Crossentropy(ignore_class=1, from_logits=True)(rows, logits)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "float32"])
def test_label_types(dtype):
    ids, logits = case(5)
    loss = Crossentropy(from_logits=True)
    assert float(loss(ids.astype(dtype), logits)) == float(loss(ids, logits))


def test_large_ids_are_exact():
    # As float32, 2^24 + 1 would be 2^24.
    ids, logits = case(6)
    ids[0, 0, 0] = 2**24 + 1
    Crossentropy(ignore_class=2**24 + 1, from_logits=True)(ids, logits)
    with pytest.raises(InputError, match="16777217"):
        Crossentropy(ignore_class=2**24, from_logits=True)(ids, logits)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("form", ["ids", "one_hot"])
@pytest.mark.parametrize("reduction", ["mean", "mean_with_sample_weight", "sum"])
def test_all_void_is_zero_with_zero_gradient(from_logits, form, reduction):
    ids, logits = np.full((2, 3, 5), 255), case()[1]
    labels = ids if form == "ids" else np.zeros((2, 3, 5, 4))
    loss = Crossentropy(ignore_class=255, from_logits=from_logits, reduction=reduction)
    y_pred = logits if from_logits else softmax(logits)
    assert float(loss(labels, y_pred)) == 0.0
    assert float(loss(labels, y_pred, sample_weight=np.ones(2))) == 0.0
    np.testing.assert_array_equal(gradient(lambda x: loss(labels, x), y_pred), np.zeros_like(y_pred))


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("arguments", [{}, {"label_smoothing": 0.1}, {"class_weights": [1.0, 2.0, 0.5, 3.0]}])
@pytest.mark.parametrize("form", ["ids", "one_hot"])
def test_gradient_is_numeric(from_logits, arguments, form):
    ids, logits = case(7, shape=(1, 2, 3), void=(3,))
    labels = ids if form == "ids" else np.eye(4)[ids]
    loss = Crossentropy(ignore_class=3, from_logits=from_logits, **arguments)
    y_pred = logits if from_logits else softmax(logits)
    smoothing, weights = arguments.get("label_smoothing", 0.0), arguments.get("class_weights")

    def slow(x):
        return reference(ids, softmax(x) if from_logits else x, (3,), weights, None, smoothing)

    ours = gradient(lambda x: loss(labels, x), y_pred)
    np.testing.assert_allclose(ours, numeric_gradient(slow, y_pred, 1e-5), rtol=1e-4, atol=1e-6)
    assert np.all(ours[ids == 3] == 0)


@pytest.mark.parametrize("shape", ["image", "pixel", "pixel1"])
def test_sample_weight(shape):
    ids, logits = case(8, void=(255,))
    random = np.random.default_rng(1)
    weight = {"image": random.random(2), "pixel": random.random(ids.shape), "pixel1": random.random((*ids.shape, 1))}[
        shape
    ]
    full = weight.reshape(2, 1, 1) if shape == "image" else weight.reshape(ids.shape)
    full = np.broadcast_to(full, ids.shape)
    ours = float(Crossentropy(ignore_class=255, from_logits=True)(ids, logits, sample_weight=weight))
    expected = reference(ids, softmax(logits.astype("float64")), (255,), None, full)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    by_weight = Crossentropy(ignore_class=255, from_logits=True, reduction="mean_with_sample_weight")
    expected *= (ids != 255).sum() / full[ids != 255].sum()
    np.testing.assert_allclose(float(by_weight(ids, logits, sample_weight=weight)), expected, rtol=1e-5)


@pytest.mark.parametrize("form", ["ids", "one_hot"])
def test_saturated_logits(form):
    # Right by 2e4, wrong by 2e4: 0 and 20000, mean 10000.
    logits = np.array([[[[1e4, -1e4], [1e4, -1e4]]]], "float32")
    ids = np.array([[[0, 1]]])
    labels = ids if form == "ids" else np.eye(2)[ids]
    loss = Crossentropy(from_logits=True)
    assert float(loss(labels, logits)) == 10000.0
    np.testing.assert_allclose(gradient(lambda x: loss(labels, x), logits), [[[[0, 0], [0.5, -0.5]]]], atol=1e-6)


WITHOUT_A_CLASS = {
    "crossentropy": Crossentropy,
    "weighted": functools.partial(Crossentropy, class_weights=[0.5, 2.0, 1.0, 0.25]),
    "focal": functools.partial(FocalCrossentropy, gamma=2.0),
    "focal, half": functools.partial(FocalCrossentropy, gamma=0.5),
    "hardest": functools.partial(OHEMCrossentropy, fraction=0.5),
}


@pytest.mark.parametrize("name", WITHOUT_A_CLASS)
@pytest.mark.parametrize("form", ["ids", "one_hot"])
@pytest.mark.parametrize("out", [0, 3])
def test_a_logit_of_minus_infinity_is_as_good_as_no_class(name, form, out):
    """Of a class that no label has; ignored pixels are read as labels of class 0."""
    ids, logits = case(14, void=(255,))
    ids[ids == out] = 1
    logits[..., out] = -np.inf
    loss = WITHOUT_A_CLASS[name](ignore_class=255, from_logits=True)

    def labels_of(ids):
        # A row of zeros is void.
        return ids if form == "ids" else np.eye(256)[ids][..., :4]

    very_low = np.where(np.isinf(logits), np.float32(-1e4), logits)
    value = float(loss(labels_of(ids), logits))
    assert np.isfinite(value) and value == pytest.approx(float(loss(labels_of(ids), very_low)), rel=1e-6)
    slope = gradient(lambda x: loss(labels_of(ids), x), logits)
    np.testing.assert_allclose(slope, gradient(lambda x: loss(labels_of(ids), x), very_low), rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(slope[..., out], 0)
    if name == "crossentropy":
        kept = np.delete(np.arange(4), out)
        fewer = np.where(ids == 255, 255, np.searchsorted(kept, ids))
        assert value == pytest.approx(reference(fewer, softmax(logits[..., kept].astype("float64")), (255,)), rel=1e-5)
    # Where a label has such a class, no finite loss is right.
    ids[0, 0, 0] = out
    assert float(loss(labels_of(ids), logits)) == np.inf


@pytest.mark.parametrize("make", [Crossentropy, FocalCrossentropy, functools.partial(OHEMCrossentropy, fraction=1)])
@pytest.mark.parametrize("mode", ["binary", "multilabel"])
def test_infinite_logits_of_channels(make, mode):
    """Right without a doubt, which half precision soon is."""
    channels = 1 if mode == "binary" else 2
    labels = np.repeat([[[[1], [0], [1]]]], channels, axis=-1)
    logits = np.repeat(np.array([[[[np.inf], [-np.inf], [0.5]]]], "float32"), channels, axis=-1)
    loss = make(from_logits=True, mode=mode)
    large = np.where(np.isinf(logits), np.sign(logits) * 1e4, logits).astype("float32")
    assert float(loss(labels, logits)) == float(loss(labels, large)) > 0
    slope = gradient(lambda x: loss(labels, x), logits)
    np.testing.assert_allclose(slope, gradient(lambda x: loss(labels, x), large), rtol=1e-6)
    assert float(loss(1 - labels, logits)) == np.inf


@pytest.mark.parametrize("mode", ["multiclass", "binary", "multilabel"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_infinite_logits_of_ignored_pixels_have_no_gradient(mode, label_smoothing, gamma):
    """Smoothing gives each class a share of their labels, too, and the label of a channel is "no" there."""
    channels = 1 if mode == "binary" else 2
    logits = [[[[0.5, -0.2], [np.inf, -np.inf], [-np.inf, np.inf], [-np.inf, 1.0]]]]
    logits = np.array(logits, "float32")[..., :channels]
    labels = np.array([[[[1, 0], [255, 255], [255, 255], [255, 255]]]])[..., :channels]
    if mode == "multiclass":
        labels, logits = labels[..., 0], np.where(logits == np.inf, 0.0, logits).astype("float32")
    arguments = {"gamma": gamma, "label_smoothing": label_smoothing, "mode": mode}
    loss = FocalCrossentropy(from_logits=True, ignore_class=255, **arguments)
    slope = gradient(lambda x: loss(labels, x), logits)
    np.testing.assert_array_equal(slope[:, :, 1:], 0)
    alone = gradient(lambda x: loss(labels[:, :, :1], x), logits[:, :, :1])
    np.testing.assert_allclose(slope[:, :, :1], alone, rtol=1e-6)
    assert np.abs(alone).max() > 0.01


def test_zero_probability_is_clipped_as_in_keras():
    p, ids = np.array([[[[1.0, 0.0], [1.0, 0.0]]]], "float32"), np.array([[[1, 0]]])
    assert float(Crossentropy()(ids, p)) == pytest.approx(-np.log(1e-7) / 2, rel=1e-6)
    assert np.all(np.isfinite(gradient(lambda x: Crossentropy()(ids, x), p)))


def test_the_gradient_goes_on_below_the_clip():
    # p = e^-40: the value is clipped, and still the gradient through softmax is p - t.
    logits, ids = np.array([[[[40.0, 0.0]]]], "float32"), np.array([[[1]]])
    loss = Crossentropy()

    def through_softmax(x):
        return loss(ids, keras.ops.softmax(x))

    assert float(through_softmax(keras.ops.convert_to_tensor(logits))) == pytest.approx(-np.log(1e-7), rel=1e-6)
    np.testing.assert_allclose(gradient(through_softmax, logits), [[[[1, -1]]]], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_half_precision(dtype, from_logits):
    ids, logits = case(9, shape=(4, 60, 60))
    logits[0, 0, 0] = [60, -60, -60, -60]
    ids[0, 0, 0] = 1
    y_pred = keras.ops.cast(logits if from_logits else softmax(logits), dtype)
    exact = keras.ops.convert_to_numpy(keras.ops.cast(y_pred, "float32"))
    loss = Crossentropy(from_logits=from_logits)
    value = loss(ids, y_pred)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    # 14400 pixels: a mean in half precision would be off by far more.
    np.testing.assert_allclose(float(value), float(loss(ids, exact)), rtol=1e-6)
    assert np.all(np.isfinite(gradient(lambda x: loss(ids, x), exact, dtype=dtype)))


def test_float16_gradient_does_not_overflow():
    # -1 / 1e-5 is above 65504, the largest float16.
    p, ids = np.array([[[[1.0, 1e-5]]]]), np.array([[[1]]])
    assert np.all(np.isfinite(gradient(lambda x: Crossentropy()(ids, x), p, dtype="float16")))


@pytest.mark.parametrize("bad", [4, -1, 255])
@pytest.mark.parametrize("form", ["ids", "ids1", "float"])
def test_a_stray_label_never_vanishes(bad, form):
    ids, logits = case(10)
    ids[1, 2, 3] = bad
    labels = {"ids": ids, "ids1": ids[..., None], "float": ids.astype("float32")}[form]
    loss = Crossentropy(ignore_class=17, from_logits=True)
    with pytest.raises(InputError, match=rf"`y_true` .*0 to 3.*Received: y_true=\[{bad}\].*ignore_class"):
        loss(labels, logits)
    if BACKEND != "torch":
        run = compiled(lambda t, p: loss(t, p))
        assert np.isnan(float(run(keras.ops.convert_to_tensor(labels), keras.ops.convert_to_tensor(logits))))
        fine = np.where(labels == bad, 17, labels)
        assert np.isfinite(float(run(keras.ops.convert_to_tensor(fine), keras.ops.convert_to_tensor(logits))))


def test_a_fractional_label_is_stray():
    with pytest.raises(InputError, match="fraction"):
        Crossentropy(from_logits=True)(np.full((2, 3, 5), 1.5, "float32"), case()[1])


@pytest.mark.parametrize("bad", [0.5, -1.5, np.nan, 2.0**32 + 1])
@pytest.mark.parametrize("mode", ["multiclass", "binary"])
def test_what_is_no_label_is_not_void_of_minus_one(bad, mode):
    """Cast to int32 these are 0 or -1 and would be learned as background or vanish."""
    labels, logits = np.full((2, 3, 5), -1.0), case()[1]
    loss = Crossentropy(ignore_class=-1, from_logits=True, mode=mode)
    logits = logits[..., :1] if mode == "binary" else logits
    assert float(loss(labels, logits)) == 0
    labels[1, 2, 3] = bad
    if mode == "binary" and bad == 0.5:
        assert float(loss(labels, logits)) > 0  # A soft label.
        return
    with pytest.raises(InputError, match="`y_true` holds labels"):
        loss(labels, logits)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX makes an int32 of an int64 before it is seen")
def test_ids_beyond_int32_do_not_wrap():
    for labels in (np.full((2, 3, 5), 2**32 + 1, "int64"), np.full((2, 3, 5), 2**32 - 1, "uint32")):
        with pytest.raises(InputError, match="`y_true` holds labels"):
            Crossentropy(ignore_class=-1, from_logits=True)(labels, case()[1])


@pytest.mark.parametrize("row", [[1, 1, 0, 0], [2, 0, 0, 0], [1.5, -0.5, 0, 0], [np.nan, 1, 0, 0], [255, 0, 0, 0]])
def test_rows_that_are_no_shares_are_stray(row):
    labels = np.zeros((2, 3, 5, 4), "float32") + np.array([0.7, 0.3, 0, 0], "float32")
    loss = Crossentropy(ignore_class=255, from_logits=True)
    assert np.isfinite(float(loss(labels, case()[1])))
    labels[1, 2, 3] = row
    with pytest.raises(InputError, match="`y_true` holds labels.*whose sum is above 1"):
        loss(labels, case()[1])


@pytest.mark.parametrize("from_logits", [False, True])
def test_compiled_equals_eager(from_logits):
    ids, logits = case(11, void=(255,))
    loss = Crossentropy(ignore_class=255, from_logits=from_logits, class_weights=[1.0, 2.0, 3.0, 4.0])
    y_pred = logits if from_logits else softmax(logits)
    run = compiled(lambda t, p: loss(t, p))
    ours = run(keras.ops.convert_to_tensor(ids), keras.ops.convert_to_tensor(y_pred))
    np.testing.assert_allclose(float(ours), float(loss(ids, y_pred)), rtol=1e-6)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), split=st.integers(1, 3))
def test_permuting_pixels_and_splitting_batches(seed, split):
    random = np.random.default_rng(seed)
    ids, logits = case(seed, shape=(4, 2, 3), void=(255,))
    loss = Crossentropy(ignore_class=255, from_logits=True)
    order = random.permutation(ids.size)
    shuffled = float(
        loss(ids.reshape(-1)[order].reshape(ids.shape), logits.reshape(-1, 4)[order].reshape(logits.shape))
    )
    np.testing.assert_allclose(shuffled, float(loss(ids, logits)), rtol=1e-5)
    parts = [slice(0, split), slice(split, 4)]
    counts = [(ids[part] != 255).sum() for part in parts]
    values = [float(loss(ids[part], logits[part])) for part in parts]
    np.testing.assert_allclose(np.dot(counts, values) / sum(counts), float(loss(ids, logits)), rtol=1e-5)


def test_a_void_pixel_does_not_matter():
    ids, logits = case(12, void=(255,))
    loss = Crossentropy(ignore_class=255, from_logits=True)
    before = float(loss(ids, logits))
    logits[ids == 255] = 1e4
    assert float(loss(ids, logits)) == before


def test_function_equals_class():
    ids, logits = case(13, void=(255,))
    arguments = {
        "ignore_class": 255,
        "from_logits": True,
        "label_smoothing": 0.1,
        "class_weights": [1.0, 2.0, 3.0, 4.0],
    }
    assert float(crossentropy(ids, logits, **arguments)) == float(Crossentropy(**arguments)(ids, logits))


def test_config_round_trip():
    loss = Crossentropy(
        ignore_class=(0, 255),
        class_weights=[1, 2.5],
        from_logits=True,
        label_smoothing=0.1,
        mode="auto",
        reduction="sum",
        name="ce",
    )
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is Crossentropy
    assert again.get_config() == loss.get_config()
    assert (again.ignore_class, again.class_weights) == ((0, 255), (1.0, 2.5))
    assert (again.from_logits, again.label_smoothing, again.reduction, again.name) == (True, 0.1, "sum", "ce")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ignore_class": "void"}, "`ignore_class` must be None, an integer"),
        ({"ignore_class": (0, 2**31)}, "`ignore_class` must hold labels from -2.31 to 2.31 - 1.*2147483648"),
        ({"ignore_class": np.array([[0, 1]])}, "`ignore_class` must be None, an integer"),
        ({"class_weights": np.ones((1, 4))}, r"`class_weights` must hold one number for each class.*\(1, 4\)"),
        ({"ignore_class": True}, "`ignore_class` must be"),
        (
            {"label_smoothing": 1.5},
            r"`label_smoothing` must be a finite number in \[0, 1\]. Received: label_smoothing=1.5",
        ),
        ({"class_weights": [1, -1]}, "`class_weights` must be a finite number"),
        ({"class_weights": [0, 0]}, "above zero"),
        ({"class_weights": 2.0}, "`class_weights` must be None or a sequence"),
        ({"class_weights": {0: 1.0}}, "`class_weights` must be None or a sequence"),
        ({"from_logits": 1}, "`from_logits` must be True or False"),
        ({"reduction": "sun"}, "Did you mean 'sum'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        Crossentropy(**arguments)


@pytest.mark.parametrize(
    ("true", "predicted", "weight", "message"),
    [
        ((2, 3, 5), (2, 3, 5), None, "`y_pred` must have the shape"),
        ((2, 3), (2, 3, 5, 4), None, r"`y_true` must be ids .* Received: y_true=\(2, 3\)"),
        ((2, 3, 5, 3), (2, 3, 5, 4), None, r"one-hot labels \(batch, height, width, 4\)"),
        ((2, 3, 6), (2, 3, 5, 4), None, "`y_true` must have the batch, height and width"),
        ((2, 3, 5), (2, 3, 5, 4), (3,), "`sample_weight` must have the shape"),
        ((2, 3, 5), (2, 3, 5, 4), (2, 3), "`sample_weight` must have the shape"),
        ((2, 3, 5), (2, 3, 5, 4), (2, 3, 4), "`sample_weight` must have the shape"),
    ],
)
def test_bad_shapes(true, predicted, weight, message):
    with pytest.raises(InputError, match=message):
        Crossentropy()(
            np.zeros(true, "int32"), np.ones(predicted, "float32"), None if weight is None else np.ones(weight)
        )


def test_arrays_and_ranges_as_arguments():
    loss = Crossentropy(ignore_class=np.array([255, 0]), class_weights=keras.ops.ones(4))
    assert (loss.ignore_class, loss.class_weights) == ((0, 255), (1.0, 1.0, 1.0, 1.0))
    assert Crossentropy.from_config(loss.get_config()).get_config() == loss.get_config()
    assert Crossentropy(ignore_class=range(250, 252)).ignore_class == (250, 251)


@pytest.mark.parametrize("bad", [-0.5, np.nan])
def test_sample_weights_are_numbers_of_at_least_0(bad):
    weight = np.ones((2, 3, 5), "float32")
    weight[1, 2, 3] = bad
    with pytest.raises(InputError, match="`sample_weight` must hold numbers of at least 0"):
        Crossentropy(from_logits=True)(case()[0], case()[1], weight)


def test_wrong_number_of_class_weights():
    with pytest.raises(InputError, match="`class_weights` must hold 4 numbers"):
        Crossentropy(class_weights=[1, 2])(*case())


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="elsewhere a training step is a graph")
def test_predictions_of_a_training_step_are_not_checked():
    """As in the graphs of the other backends: the run ends by its loss, which says at which epoch."""
    wrong = torch.full((1, 2, 2, 3), float("nan"))
    labels = np.zeros((1, 2, 2), "int32")
    with pytest.raises(InputError, match="`y_pred` holds NaN"):
        Crossentropy()(labels, wrong)
    assert torch.isnan(Crossentropy()(labels, wrong.requires_grad_()))


@pytest.mark.tensorflow_only
@pytest.mark.skipif(BACKEND != "tensorflow", reason="graphs of TensorFlow")
@pytest.mark.parametrize("label", [2, 255, 7], ids=["right", "ignored", "out of range"])
@pytest.mark.parametrize("extreme", [1.0, 1e4, np.inf, np.nan])
def test_a_graph_that_compiles_gives_what_one_that_does_not_gives(label, extreme):
    import tensorflow as tf

    ids, logits = case(seed=3)
    ids[1, 2, 3] = label
    logits[0, 1, 2, 1] *= extreme
    loss = Crossentropy(from_logits=True, ignore_class=255, reduction="none")

    def run(shape):
        @tf.function(input_signature=[tf.TensorSpec(shape[:3], "int32"), tf.TensorSpec(shape, "float32")])
        def step(labels, predictions):
            with tf.GradientTape() as tape:
                tape.watch(predictions)
                losses = loss(labels, predictions)
            return losses, tape.gradient(losses, predictions)

        operations = [node.op for node in step.get_concrete_function().graph.as_graph_def().node]
        return operations, [tensor.numpy() for tensor in step(ids, logits)]

    known, unknown = (None, 3, 5, 4), (None, None, None, 4)
    compiled_operations, found = run(known)
    plain_operations, wanted = run(unknown)
    kernel = "SparseSoftmaxCrossEntropyWithLogits"
    assert kernel in plain_operations and kernel not in compiled_operations
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
