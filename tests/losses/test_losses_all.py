"""What holds for every loss: its slow version in each mode, void, gradients, extremes, graphs, saving, bad input."""

import functools
import inspect

import keras
import numpy as np
import pytest
import slow_losses as slow
from gradients import compiled, gradient, numeric_gradient

from keras_seg import losses, metrics
from keras_seg._validation import InputError

BACKEND = keras.backend.backend()
SHAPE, CLASSES = (2, 3, 5), 4


def by_pixel(function):
    def loss(mode, target, p, mask, ignored, absent):
        return function(mode, target, p, mask)

    return loss


def by_class(score):
    def loss(mode, target, p, mask, ignored, absent):
        return slow.class_mean(target, p, mask, score, absent, ignored)

    return loss


def generalized(mode, target, p, mask, ignored, absent):
    return slow.generalized_dice(target, p, mask, absent=absent, ignored=ignored)


def lovasz(errors):
    def loss(mode, target, p, mask, ignored, absent):
        return slow.lovasz_mean(target, p, mask, errors, absent, ignored)

    return loss


def hinge(t, p):
    return 1 - np.log(p / (1 - p)) * (2 * t - 1)


# name: (class, arguments, slow version)
LOSSES = {
    "crossentropy": (losses.Crossentropy, {}, by_pixel(slow.crossentropy)),
    "focal": (losses.FocalCrossentropy, {"gamma": 2.0}, by_pixel(slow.focal)),
    "focal_half": (losses.FocalCrossentropy, {"gamma": 0.5}, by_pixel(functools.partial(slow.focal, gamma=0.5))),
    "ohem": (losses.OHEMCrossentropy, {"fraction": 0.3}, by_pixel(functools.partial(slow.hard_pixels, fraction=0.3))),
    "ohem_threshold": (
        losses.OHEMCrossentropy,
        {"fraction": 0.1, "threshold": 0.4},
        by_pixel(functools.partial(slow.hard_pixels, fraction=0.1, threshold=0.4)),
    ),
    "iou": (losses.SoftIoU, {}, by_class(slow.tversky_score(1, 1))),
    "dice": (losses.SoftDice, {}, by_class(slow.dice_score())),
    "tversky": (losses.Tversky, {}, by_class(slow.tversky_score(0.3, 0.7))),
    "focal_tversky": (losses.Tversky, {"exponent": 0.75}, by_class(slow.tversky_score(0.3, 0.7, 0, 0.75))),
    "generalized_dice": (losses.GeneralizedDice, {}, generalized),
    "lovasz": (losses.LovaszSoftmax, {}, lovasz(lambda t, p: abs(t - p))),
    "hinge": (losses.LovaszHinge, {}, lovasz(hinge)),
}
OVERLAPS = ("iou", "dice", "tversky", "focal_tversky", "generalized_dice", "lovasz", "hinge")
MODES = {"multiclass": CLASSES, "binary": 1, "multilabel": CLASSES}
PAIRS = [(name, mode) for name in LOSSES for mode in MODES if (name, mode) != ("hinge", "multiclass")]
# One loss of each family in every mode, the others in one.
CORE = [(name, mode) for name, mode in PAIRS if mode == "multiclass" or name in ("focal", "dice", "lovasz", "hinge")]


def mostly(mark):
    """All pairs, those outside `CORE` marked."""
    return [pair if pair in CORE else pytest.param(*pair, marks=mark) for pair in PAIRS]


OFF_TENSORFLOW = mostly(pytest.mark.slow_off_tensorflow)


def case(mode, seed=0, void=(), shape=SHAPE, classes=CLASSES):
    """Labels and logits; a fifth of the labels is void."""
    random = np.random.default_rng(seed)
    channels = 1 if mode == "binary" else classes
    logits = random.normal(size=(*shape, channels)).astype("float32")
    where = (*shape, channels) if mode == "multilabel" else shape
    labels = random.integers(0, classes if mode == "multiclass" else 2, where)
    for item in void:
        labels[random.random(where) < 0.2] = item
    return labels, logits


def probabilities(mode, logits):
    return slow.softmax(logits) if mode == "multiclass" else slow.sigmoid(logits)


def made(name, mode, **arguments):
    cls, own, _ = LOSSES[name]
    # "auto" is what is used, wherever it is enough.
    return cls(mode=mode if mode == "multilabel" else "auto", **own, **arguments)


def expected(name, mode, labels, p, ignored=(), weight=None, absent="skip"):
    target, p, mask = slow.rows(mode, labels, p, ignored, weight)
    return LOSSES[name][2](mode, target, p, mask, ignored if mode == "multiclass" else (), absent)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize(("name", "mode"), PAIRS)
def test_equals_the_slow_version(name, mode, from_logits):
    ignored = (1, 255) if mode == "multiclass" else (-1, 255)
    labels, logits = case(mode, void=(255,))
    arguments = {"absent": "skip"} if name in OVERLAPS else {}
    loss = made(name, mode, ignore_class=ignored, from_logits=from_logits, **arguments)
    p = probabilities(mode, logits.astype("float64"))
    value = float(loss(labels, logits if from_logits else p.astype("float32")))
    np.testing.assert_allclose(value, expected(name, mode, labels, p, ignored), rtol=1e-5)


@pytest.mark.parametrize(("name", "mode"), OFF_TENSORFLOW)
def test_label_forms(name, mode):
    """(height, width, 1) is (height, width); one-hot is ids; int8 and floats are int64."""
    labels, logits = case(mode, 1)
    loss = made(name, mode, from_logits=True)
    value = float(loss(labels, logits))
    forms = [labels.astype("float32"), labels.astype("uint8")]
    forms += [labels[..., None]] if mode != "multilabel" else []
    forms += [np.eye(CLASSES, dtype="uint8")[labels]] if mode == "multiclass" else [labels.astype(bool)]
    for form in forms:
        assert float(loss(form, logits)) == pytest.approx(value, rel=1e-6)


def test_ids_of_channels():
    """With "multilabel" too, (height, width, 1) is (height, width) is one-hot."""
    labels, logits = case("multiclass", 1)
    loss = made("dice", "multilabel", from_logits=True)
    value = float(loss(np.eye(CLASSES)[labels], logits))
    assert float(loss(labels, logits)) == float(loss(labels[..., None], logits)) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(("name", "mode"), [pair for pair in PAIRS if pair[0] not in ("lovasz", "hinge")])
def test_soft_labels(name, mode):
    logits = case(mode, 2)[1]
    labels = probabilities(mode, np.random.default_rng(3).normal(size=logits.shape))
    p = probabilities(mode, logits.astype("float64"))
    value = float(made(name, mode, from_logits=True)(labels.astype("float32"), logits))
    np.testing.assert_allclose(value, expected(name, mode, labels, p), rtol=1e-5)


@pytest.mark.parametrize(("name", "mode"), [("lovasz", "multiclass"), ("lovasz", "multilabel"), ("hinge", "binary")])
def test_lovasz_rounds_soft_labels(name, mode):
    logits = case(mode, 2)[1]
    labels = probabilities(mode, np.random.default_rng(3).normal(size=logits.shape)).astype("float32")
    hard = labels.argmax(-1) if mode == "multiclass" else labels >= 0.5
    loss = made(name, mode, from_logits=True)
    assert float(loss(labels, logits)) == float(loss(hard, logits))


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "hinge"])
def test_ids_of_exclusive_classes_in_multilabel(name):
    ids, logits = case("multiclass", 4, void=(255,))
    ids = np.where(ids == 2, 0, ids)  # 2 is absent and ignored: neither skipped nor counted, but not judged.
    arguments = {"absent": "count"} if name in OVERLAPS else {}
    loss = made(name, "multilabel", ignore_class=(2, 255), from_logits=True, **arguments)
    channels = np.where((ids == 255)[..., None], 255, np.eye(256, dtype=int)[ids][..., :CLASSES])
    p = slow.sigmoid(logits.astype("float64"))
    target, p, mask = slow.rows("multilabel", channels, p, (255,))
    value = LOSSES[name][2]("multilabel", target, p, mask, (2,), "count")
    np.testing.assert_allclose(float(loss(ids, logits)), value, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in LOSSES if "ohem" not in name])
def test_pixel_weights(name):
    mode = "multilabel"
    labels, logits = case(mode, 5, void=(255,))
    weight = np.random.default_rng(0).random(SHAPE)
    p = probabilities(mode, logits.astype("float64"))
    loss = made(name, mode, ignore_class=255, from_logits=True)
    wanted = expected(name, mode, labels, p, (255,), weight)
    np.testing.assert_allclose(float(loss(labels, logits, sample_weight=weight)), wanted, rtol=1e-5)


@pytest.mark.parametrize("name", OVERLAPS)
@pytest.mark.parametrize("absent", ["skip", "zero", "count"])
def test_absent_classes_and_images(name, absent):
    if (name, absent) == ("generalized_dice", "zero"):
        pytest.skip("it has no such policy")
    mode = "multilabel" if name == "hinge" else "multiclass"
    labels, logits = case(mode, 6, void=(255,))
    if mode == "multiclass":
        labels[1][labels[1] == 1] = 0
    else:
        labels[1, ..., 1] = 0
    p = probabilities(mode, logits.astype("float64"))
    loss = made(name, mode, ignore_class=255, from_logits=True, absent=absent, per_image=True)
    each = [expected(name, mode, labels[i : i + 1], p[i : i + 1], (255,), None, absent) for i in range(2)]
    np.testing.assert_allclose(float(loss(labels, logits)), np.mean(each), rtol=1e-5)
    weighted = float(loss(labels, logits, sample_weight=np.array([1.0, 3.0])))
    np.testing.assert_allclose(weighted, np.dot([1, 3], each) / 2, rtol=1e-5)


@pytest.mark.parametrize("name", ["iou", "dice", "tversky", "lovasz"])
def test_class_weights_of_means(name):
    labels, logits = case("multiclass", 7)
    alone = []
    for c in range(CLASSES):
        one = [float(c == index) for index in range(CLASSES)]
        alone.append(float(made(name, "multiclass", from_logits=True, class_weights=one)(labels, logits)))
    weights = [1.0, 2.0, 0.5, 0.0]
    value = float(made(name, "multiclass", from_logits=True, class_weights=weights)(labels, logits))
    np.testing.assert_allclose(value, np.dot(weights, alone) / sum(weights), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_class_weights_of_pixels(mode, smoothing):
    labels, logits = case(mode, 8, void=(255,))
    weights = [0.5, 2.0, 0.0, 1.0][: 2 if mode == "binary" else CLASSES]
    target, p, mask = slow.rows(mode, labels, probabilities(mode, logits.astype("float64")), (255,))
    arguments = {"ignore_class": 255, "from_logits": True, "class_weights": weights, "label_smoothing": smoothing}
    value = float(losses.FocalCrossentropy(mode=mode, **arguments)(labels, logits))
    wanted = slow.focal(mode, target, p, mask, smoothing=smoothing, class_weights=weights)
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


@pytest.mark.parametrize(("name", "mode"), OFF_TENSORFLOW)
def test_all_void_is_zero_with_zero_gradient(name, mode):
    labels, logits = case(mode)
    labels = np.full_like(labels, 255)
    loss = made(name, mode, ignore_class=255, from_logits=True)
    assert float(loss(labels, logits)) == 0.0
    np.testing.assert_array_equal(gradient(lambda x: loss(labels, x), logits), np.zeros_like(logits))


@pytest.mark.parametrize(("name", "mode"), OFF_TENSORFLOW)
def test_gradient_is_numeric(name, mode):
    labels, logits = case(mode, 9, void=(255,))
    loss = made(name, mode, ignore_class=255, from_logits=True)
    absent = getattr(loss, "absent", None) or ("skip" if mode == "multiclass" else "count")

    def value(x):
        return expected(name, mode, labels, probabilities(mode, x), (255,), None, absent)

    ours = gradient(lambda x: loss(labels, x), logits)
    np.testing.assert_allclose(ours, numeric_gradient(value, logits, 1e-6), rtol=1e-3, atol=1e-6)
    assert np.all(ours[labels == 255] == 0)


@pytest.mark.parametrize(("name", "mode"), OFF_TENSORFLOW)
def test_extremes_are_finite(name, mode):
    """Right and wrong by 2e4, by 30, and float16, as logits and as probabilities that are 0 and 1."""
    labels, logits = case(mode, 10, void=(255,))
    for scale, dtype, from_logits in [(1e4, "float32", True), (30, "float16", True), (1e4, "float32", False)]:
        y_pred = np.sign(logits) * scale
        y_pred = y_pred if from_logits else (y_pred == y_pred.max(-1, keepdims=True)) * (y_pred > 0) * 1.0
        loss = made(name, mode, ignore_class=255, from_logits=from_logits)
        y_pred = y_pred.astype(dtype)
        value = loss(labels, keras.ops.convert_to_tensor(y_pred))
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        assert np.isfinite(float(value))
        slope = gradient(lambda x, loss=loss: loss(labels, x), y_pred, dtype=dtype)
        assert np.all(np.isfinite(slope))


@pytest.mark.parametrize("computed", [None, "float32", "float64"])
@pytest.mark.parametrize(("name", "mode"), OFF_TENSORFLOW)
def test_the_smallest_probabilities_in_half_precision(name, mode, computed):
    """-1 / 6e-8 is beyond the largest float16, whatever type the loss is computed in."""
    labels, logits = case(mode, 10, void=(255,))
    y_pred = np.where(logits > 0, 1.0, 6e-8).astype("float16")
    assert y_pred.min() > 0
    loss = made(name, mode, ignore_class=255, dtype=computed)
    single = float(made(name, mode, ignore_class=255)(labels, y_pred.astype("float32")))
    assert float(loss(labels, keras.ops.convert_to_tensor(y_pred))) == pytest.approx(single, rel=1e-5)
    for sum_of_two in (False, True):
        taken = loss + loss if sum_of_two else loss
        slope = gradient(lambda x, taken=taken: taken(labels, x), y_pred, dtype="float16")
        assert np.all(np.isfinite(slope))


def test_only_losses_of_half_precision_are_careful():
    """The gradient of float32 predictions goes on, also after a loss of float16 ones, and after an error."""
    p, ids = np.array([[[[1.0, 6e-8]]]]), np.array([[[1]]])
    loss = losses.Crossentropy(dtype="float32")
    assert np.all(np.abs(gradient(lambda x: loss(ids, x), p, dtype="float16")) < 2e4)
    with pytest.raises(InputError, match="`y_true` holds labels"):
        loss(ids + 5, keras.ops.convert_to_tensor(p.astype("float16")))
    for single in (loss, losses.Crossentropy()):
        slope = gradient(lambda x, single=single: single(ids, x), p)
        assert slope.min() == pytest.approx(-1 / 6e-8, rel=1e-4)


@pytest.mark.parametrize(("name", "mode"), OFF_TENSORFLOW)
def test_one_pixel(name, mode):
    labels, logits = case(mode, 11, shape=(1, 1, 1))
    labels = np.ones_like(labels)
    p = probabilities(mode, logits.astype("float64"))
    loss = made(name, mode, from_logits=True)
    absent = getattr(loss, "absent", None) or ("skip" if mode == "multiclass" else "count")
    np.testing.assert_allclose(
        float(loss(labels, logits)), expected(name, mode, labels, p, (), None, absent), rtol=1e-5
    )
    assert np.all(np.isfinite(gradient(lambda x: loss(labels, x), logits)))


@pytest.mark.parametrize(("name", "mode"), mostly(pytest.mark.slow))
def test_compiled_equals_eager(name, mode):
    """As the backend compiles it, XLA with TensorFlow, and there at unknown sizes too."""
    labels, logits = case(mode, 12, void=(255,))
    loss = made(name, mode, ignore_class=255, from_logits=True)
    value = float(loss(labels, logits))
    tensors = keras.ops.convert_to_tensor(labels), keras.ops.convert_to_tensor(logits)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        def call(y_true, y_pred):
            return loss(y_true, y_pred)

        assert float(tf.function(call, jit_compile=True)(*tensors)) == pytest.approx(value, rel=1e-5)
        signature = [
            tf.TensorSpec([None] * len(labels.shape) if mode != "multilabel" else [None, None, None, CLASSES], "int64"),
            tf.TensorSpec([None, None, None, logits.shape[-1]], "float32"),
        ]
        assert float(tf.function(call, input_signature=signature)(*tensors)) == pytest.approx(value, rel=1e-5)
    else:
        assert float(compiled(lambda t, p: loss(t, p))(*tensors)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_stray_labels_never_vanish(name):
    mode = "multilabel"
    labels, logits = case(mode, 13)
    labels[0, 0, 0, 0] = 7
    loss = made(name, mode, from_logits=True, ignore_class=255)
    with pytest.raises(InputError, match=r"`y_true` .*from 0 to 1.*Received: y_true=\[7\]"):
        loss(labels, logits)
    if BACKEND != "torch":
        run = compiled(lambda t, p: loss(t, p))
        assert np.isnan(float(run(keras.ops.convert_to_tensor(labels), keras.ops.convert_to_tensor(logits))))


@pytest.mark.parametrize("name", LOSSES)
def test_bad_predictions(name):
    labels, logits = case("binary", 14)
    loss = made(name, "binary")
    with pytest.raises(InputError, match=r"`y_pred` must be probabilities in \[0, 1\].*Pass from_logits=True"):
        loss(labels, logits)
    logits[0, 0, 0] = np.nan
    for from_logits in (False, True):
        with pytest.raises(InputError, match="`y_pred` holds NaN in 1 of 30 places"):
            made(name, "binary", from_logits=from_logits)(labels, logits * (1 if from_logits else 0))


def everything(name, mode):
    """The loss with no argument at its default."""
    arguments = {"ignore_class": (255,), "from_logits": True, "mode": mode, "reduction": "sum", "name": "x"}
    arguments["class_weights"] = (1.0, 2.0, 0.5, 0.25)
    if name in OVERLAPS:
        arguments |= {"per_image": True, "absent": "skip" if name == "hinge" else "count"}
        arguments |= {} if name in ("lovasz", "hinge") else {"smooth": 0.5}
    else:
        arguments["label_smoothing"] = 0.1
    arguments |= {
        "focal": {"gamma": 1.5},
        "ohem": {"fraction": 0.6, "threshold": 0.3, "per_image": True},
        "tversky": {"alpha": 0.2, "beta": 0.9, "exponent": 1.5},
        "generalized_dice": {"power": 1.0},
    }.get(name, {})
    return LOSSES[name][0], arguments


FUNCTIONS = {
    "crossentropy": losses.crossentropy,
    "focal": losses.focal_crossentropy,
    "ohem": losses.ohem_crossentropy,
    "iou": losses.soft_iou,
    "dice": losses.soft_dice,
    "tversky": losses.tversky,
    "generalized_dice": losses.generalized_dice,
    "lovasz": losses.lovasz_softmax,
    "hinge": losses.lovasz_hinge,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_config_function_and_sum(name):
    cls, arguments = everything(name, "multilabel")
    loss = cls(**arguments)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert {key: getattr(again, key) for key in arguments} == arguments
    defaults = cls().get_config()
    assert all(loss.get_config()[key] != defaults[key] for key in arguments)
    labels, logits = case("multilabel", 15, void=(255,))
    value = float(loss(labels, logits))
    assert float(again(labels, logits)) == value
    del arguments["name"]
    assert float(FUNCTIONS[name](labels, logits, **arguments)) == value
    assert float((loss + 0.5 * again)(labels, logits)) == pytest.approx(1.5 * value, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.Crossentropy(mode="binery"), "Did you mean 'binary'"),
        (lambda: losses.FocalCrossentropy(gamma=-1), "`gamma` must be a finite number"),
        (lambda: losses.Tversky(alpha=0, beta=0), "`alpha` and `beta` must not both be 0"),
        (lambda: losses.Tversky(beta=-0.1), "`beta` must be a finite number"),
        (lambda: losses.Tversky(exponent=0), "`exponent` must be above 0"),
        (lambda: losses.GeneralizedDice(absent="zero"), "Choose one of: skip, count"),
        (lambda: losses.GeneralizedDice(power=-1), "`power` must be a finite number"),
        (lambda: losses.OHEMCrossentropy(fraction=0), "`fraction` must be above 0"),
        (lambda: losses.OHEMCrossentropy(fraction=1.5), "`fraction` must be a finite number in"),
        (lambda: losses.OHEMCrossentropy(threshold=0), "`threshold` must be above 0.*Pass None"),
        (lambda: losses.OHEMCrossentropy(per_image=1), "`per_image` must be True or False"),
        (lambda: losses.LovaszSoftmax(absent="none"), "`absent` is not a known option"),
        (lambda: losses.LovaszHinge(per_image="yes"), "`per_image` must be True or False"),
        (lambda: losses.SoftDice(smooth=-1), "`smooth` must be a finite number"),
        (lambda: losses.SoftDice(class_weights="balance"), "Did you mean 'balanced'"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(
    ("arguments", "true", "predicted", "message"),
    [
        ({}, (2, 3, 5), (2, 3, 5), "`y_pred` must have the shape"),
        ({"mode": "binary"}, (2, 3, 5), (2, 3, 5, 4), '`y_pred` must have one channel with mode="binary"'),
        ({"mode": "multiclass"}, (2, 3, 5), (2, 3, 5, 1), "with 2 classes or more"),
        ({}, (2, 3, 5, 2), (2, 3, 5, 1), r"`y_true` must be \(batch, height, width, 1\).*or \(batch, height, width\)"),
        ({"mode": "multilabel"}, (2, 3, 5, 3), (2, 3, 5, 4), r"`y_true` must be \(batch, height, width, 4\)"),
        ({"mode": "multilabel"}, (2, 3, 6, 4), (2, 3, 5, 4), "must have the batch, height and width"),
        ({"ignore_class": 1}, (2, 3, 5), (2, 3, 5, 1), "`ignore_class` must hold labels other than 0 and 1"),
        ({"ignore_class": (0, 1, 2, 3)}, (2, 3, 5), (2, 3, 5, 4), "`ignore_class` must leave one of the 4 classes"),
        ({"class_weights": [1, 2, 3]}, (2, 3, 5), (2, 3, 5, 4), "`class_weights` must hold 4 numbers"),
        ({"class_weights": [1]}, (2, 3, 5), (2, 3, 5, 1), "`class_weights` must hold 2 numbers"),
        ({"class_weights": "balanced"}, (2, 3, 5), (2, 3, 5, 4), r"`class_weights` names a rule.*adapt\(index\)"),
    ],
)
@pytest.mark.parametrize("cls", [losses.Crossentropy, losses.LovaszSoftmax])
def test_bad_calls(cls, arguments, true, predicted, message):
    with pytest.raises(InputError, match=message):
        cls(**arguments)(np.zeros(true, "int32"), np.full(predicted, 0.5, "float32"))


def test_no_hinge_of_classes_and_no_class_weights_of_one_class():
    with pytest.raises(InputError, match="Use LovaszSoftmax"):
        losses.LovaszHinge(from_logits=True)(*case("multiclass"))
    for cls in (losses.SoftDice, losses.LovaszSoftmax):
        with pytest.raises(InputError, match="`class_weights` has no meaning for the one class"):
            cls(class_weights=[1, 2], from_logits=True)(*case("binary"))


def test_adapt():
    counts = [[60, 20], [100, 20]]
    loss = losses.Crossentropy(class_weights="balanced") + losses.SoftDice(class_weights="square_root")
    assert loss.adapt(counts) is loss
    # 160 and 40 of 200: 200 / (2 * 160), 200 / (2 * 40); square roots 1.1180, 2.2361 over their mean over pixels 1.3416
    assert loss.losses[0].class_weights == pytest.approx((0.625, 2.5))
    assert loss.losses[1].class_weights == pytest.approx((0.833333, 1.666667))
    assert losses.Crossentropy(class_weights=[1, 2]).adapt(counts).class_weights == (1, 2)
    unresolved = losses.Crossentropy(class_weights="median_frequency")
    assert losses.Crossentropy.from_config(unresolved.get_config()).class_weights == "median_frequency"


@pytest.mark.parametrize("true, shown", [(None, "NoneType"), ("mask.png", "str"), ([[["a", "b"]]], "an array of <U1")])
def test_what_is_no_numbers(true, shown):
    predicted = np.full((1, 1, 2, 2), 0.5, "float32")
    for call in (losses.Crossentropy(), metrics.MeanIoU(2).update_state, metrics.MetricSuite(2).update_state):
        with pytest.raises(InputError, match=f"`y_true` must hold numbers. Received: y_true='{shown}'"):
            call(true, predicted)
        with pytest.raises(InputError, match=f"`y_pred` must hold numbers. Received: y_pred='{shown}'"):
            call(np.zeros((1, 1, 2), "int32"), true)


@pytest.mark.parametrize("name", [name for name in OVERLAPS if name != "generalized_dice"])
@pytest.mark.parametrize("mode", ["binary", "multilabel"])
def test_false_positives_on_an_empty_mask_cost_something(name, mode):
    """By default; "skip" leaves such a mask out, as it does a class of many."""
    labels, logits = case(mode, 4)
    labels = np.zeros_like(labels)
    low, high = (float(made(name, mode, from_logits=True)(labels, logits + shift)) for shift in (-3, 3))
    assert 0 < low < high
    assert float(made(name, mode, from_logits=True, absent="skip")(labels, logits)) == 0


@pytest.mark.parametrize("name", OVERLAPS)
@pytest.mark.parametrize("mode", MODES)
def test_the_default_for_absent_classes(name, mode):
    """Exclusive classes are skipped; those of binary and multi-label masks are counted, as docs/losses.md says."""
    if (name, mode) == ("hinge", "multiclass"):
        pytest.skip("it is for binary and multi-label masks")
    labels, logits = case(mode, 4)
    labels[labels == 1] = 0  # Class 1, or every class of the channels, is absent.
    rule = "count" if mode != "multiclass" and name != "generalized_dice" else "skip"
    values = {
        absent: float(made(name, mode, from_logits=True, absent=absent)(labels, logits)) for absent in ("skip", "count")
    }
    assert values["skip"] != pytest.approx(values["count"], rel=1e-3) or name == "generalized_dice"
    assert float(made(name, mode, from_logits=True)(labels, logits)) == values[rule]


@pytest.mark.parametrize("name", LOSSES)
def test_dtype(name):
    """float64 is computed in float64, whatever the predictions are; half precision is refused."""
    mode = "binary"
    labels, logits = case(mode, 6)
    exact = made(name, mode, from_logits=True, dtype="float64")
    assert exact.get_config()["dtype"] == "float64"
    value = exact(labels, logits)
    if BACKEND != "jax":  # Which has no float64 unless asked.
        assert keras.backend.standardize_dtype(value.dtype) == "float64"
    single = made(name, mode, from_logits=True)(labels, logits)
    assert keras.backend.standardize_dtype(single.dtype) == "float32"
    assert float(value) == pytest.approx(float(single), rel=1e-5)
    with pytest.raises(InputError, match="`dtype` must be None, float32 or float64"):
        made(name, mode, dtype="float16")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_check_their_arguments(name):
    labels, logits = case("binary", 6)
    for arguments, message in (
        ({"from_logits": "yes"}, "`from_logits` must be True or False"),
        ({"mode": "many"}, "`mode` is not a known option"),
        ({"reduction": "average"}, "`reduction` is not a known option"),
    ):
        with pytest.raises(InputError, match=message):
            FUNCTIONS[name](
                labels,
                logits,
                **{"from_logits": True, "per_image": True, **arguments}
                if "per_image" in _names(name)
                else {"from_logits": True, **arguments},
            )
    own, wrong = {"focal": ("gamma", -1), "ohem": ("fraction", 0), "tversky": ("exponent", 0)}.get(name, (None, None))
    if own:
        with pytest.raises(InputError, match=f"`{own}`"):
            FUNCTIONS[name](labels, logits, from_logits=True, **{own: wrong})


def _names(name):
    return inspect.signature(FUNCTIONS[name]).parameters


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_and_class_share_one_signature(name):
    function = {key: value.default for key, value in _names(name).items() if key not in ("y_true", "y_pred")}
    cls = LOSSES[name][0]
    own = {key: value.default for key, value in inspect.signature(cls).parameters.items()}
    assert own.pop("dtype") is None and own.pop("name")
    function.pop("sample_weight"), function.pop("per_pixel", None)
    assert list(function.items()) == list(own.items())


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", LOSSES)
def test_autograph_reads_all_of_it(name, caplog):
    """AutoGraph warns in each training script about a function it cannot read."""
    import tensorflow as tf

    loss = made(name, "binary", from_logits=True, ignore_class=255, class_weights=None)

    @tf.function
    def step(labels, logits):
        return loss(labels, logits)

    labels, logits = case("binary", 6)
    with caplog.at_level("WARNING", logger="tensorflow"):
        step(tf.constant(labels), tf.constant(logits))
    assert "AutoGraph" not in caplog.text
