import keras
import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.losses import Crossentropy, SoftIoU, WeightedSum


def case(classes=3, shape=(4, 6, 5)):
    random = np.random.default_rng(0)
    ids = random.integers(0, classes, shape).astype("uint8")
    ids[random.random(shape) < 0.2] = 11
    p = random.random((*shape, classes)).astype("float32")
    return ids, p / p.sum(-1, keepdims=True)


def value(loss, **arguments):
    return float(loss(*case(), **arguments))


def test_it_is_the_sum():
    a, b = Crossentropy(ignore_class=11), SoftIoU(ignore_class=11)
    assert value(a + 0.5 * b) == pytest.approx(value(a) + 0.5 * value(b), rel=1e-6)
    assert value(b * 0.5 + a * 2) == pytest.approx(2 * value(a) + 0.5 * value(b), rel=1e-6)
    assert value(sum([a, b, a])) == pytest.approx(2 * value(a) + value(b), rel=1e-6)
    weight = np.array([1.0, 2.0, 0.0, 1.0])
    both = value(a, sample_weight=weight) + value(b, sample_weight=weight)
    assert value(a + b, sample_weight=weight) == pytest.approx(both, rel=1e-6)


def test_sums_are_flattened_and_weights_multiplied():
    a, b, c = Crossentropy(name="a"), SoftIoU(name="b"), Crossentropy(name="c")
    total = 2 * (a + 0.5 * (b + 3 * c)) + a
    assert [loss.name for loss in total.losses] == ["a", "b", "c", "a"]
    assert total.weights == [2.0, 1.0, 3.0, 1.0]
    assert not any(isinstance(loss, WeightedSum) for loss in total.losses)


def test_different_reductions():
    a, b = Crossentropy(ignore_class=11, reduction="sum"), Crossentropy(ignore_class=11)
    assert value(a + b) == pytest.approx(value(a) + value(b), rel=1e-6)
    with pytest.raises(InputError, match=r'must each reduce to one number.*Give x reduction="sum_over_batch_size"'):
        b + Crossentropy(reduction="none", name="x")


def test_a_keras_loss_may_be_a_term():
    ids, p = case()
    ids = np.minimum(ids, 2)
    theirs, ours = keras.losses.SparseCategoricalCrossentropy(), Crossentropy()
    expected = float(ours(ids, p)) + 0.5 * float(theirs(ids, p))
    assert float((ours + WeightedSum([theirs], weights=[0.5]))(ids, p)) == pytest.approx(expected, rel=1e-6)
    assert float((theirs + 0.5 * ours)(ids, p)) == pytest.approx(1.5 * float(ours(ids, p)), rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(theirs + ours))
    assert isinstance(again.losses[0], keras.losses.SparseCategoricalCrossentropy)


@pytest.mark.parametrize("other", [1.0, 5, "dice", None, Crossentropy, lambda y_true, y_pred: 0.0])
def test_only_losses_can_be_added(other):
    with pytest.raises(InputError, match="`losses` must hold losses"):
        Crossentropy() + other
    with pytest.raises(InputError, match="`losses` must hold losses"):
        other + Crossentropy()


@pytest.mark.parametrize("factor", ["2", None, float("nan"), float("inf"), True])
def test_only_finite_numbers_are_factors(factor):
    with pytest.raises(InputError, match="`weights` must be a finite number"):
        factor * Crossentropy()


@pytest.mark.parametrize(
    ("losses", "weights", "message"),
    [
        ([], None, "non-empty list"),
        (Crossentropy(), None, "non-empty list"),
        ([Crossentropy()], [1, 2], "must hold 1 numbers"),
    ],
)
def test_bad_arguments(losses, weights, message):
    with pytest.raises(InputError, match=message):
        WeightedSum(losses, weights=weights)


def model(activation="softmax", classes=3):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1, activation=activation, dtype="float32")(inputs))


@pytest.mark.parametrize("activation", ["softmax", None])
def test_compile_fit_save_load(tmp_path, activation):
    ids, _ = case()
    images = np.random.default_rng(1).random((*ids.shape, 3)).astype("float32")
    logits = activation is None
    loss = Crossentropy(ignore_class=11, from_logits=logits) + 0.5 * SoftIoU(ignore_class=11, from_logits=logits)
    net = model(activation)
    net.compile(keras.optimizers.SGD(0.1), loss=loss)
    before = net.evaluate(images, ids, batch_size=4, verbose=0)
    assert before == pytest.approx(float(loss(ids, net(images))), rel=1e-5)
    history = net.fit(images, ids, batch_size=4, epochs=3, verbose=0)
    assert history.history["loss"][-1] < before
    net.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again.loss, WeightedSum)
    assert again.loss.get_config() == loss.get_config()
    assert again.evaluate(images, ids, verbose=0) == pytest.approx(net.evaluate(images, ids, verbose=0), rel=1e-6)


def test_stray_labels_show_in_fit():
    ids, _ = case()
    ids[0, 0, 0] = 200
    images = np.zeros((*ids.shape, 3), "float32")
    net = model()
    net.compile("sgd", loss=Crossentropy(ignore_class=11))
    if keras.backend.backend() == "torch":
        with pytest.raises(InputError, match="200"):
            net.fit(images, ids, verbose=0)
    else:
        assert np.isnan(net.fit(images, ids, verbose=0).history["loss"][0])


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    ids, _ = case()
    images = np.random.default_rng(1).random((*ids.shape, 3)).astype("float32")
    inputs = keras.Input((None, None, 3))
    net = keras.Model(inputs, keras.layers.Conv2D(3, 1, activation="softmax")(inputs))
    assert keras.backend.standardize_dtype(net(images).dtype) == "float16"
    net.compile("sgd", loss=Crossentropy(ignore_class=11) + SoftIoU(ignore_class=11))
    history = net.fit(images, ids, epochs=2, verbose=0).history["loss"]
    assert np.all(np.isfinite(history))
    assert history[1] != history[0]


def test_two_outputs():
    ids, _ = case()
    images = np.random.default_rng(1).random((*ids.shape, 3)).astype("float32")
    inputs = keras.Input((None, None, 3))
    outputs = [keras.layers.Conv2D(3, 1, activation="softmax", name=name)(inputs) for name in "ab"]
    net = keras.Model(inputs, outputs)
    net.compile("sgd", loss=[Crossentropy(ignore_class=11), SoftIoU(ignore_class=11)], loss_weights=[1.0, 0.5])
    assert np.isfinite(net.fit(images, [ids, ids], verbose=0).history["loss"][0])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute")
@pytest.mark.parametrize("nested", [False, True])
def test_a_mean_is_scaled_for_replicas_once(nested, monkeypatch):
    import tensorflow as tf

    class Two:
        num_replicas_in_sync = 2

    a, b = Crossentropy(ignore_class=11), Crossentropy(ignore_class=11, reduction="sum")
    loss = 2 * (a + b) if nested else a + b
    alone = (2 if nested else 1) * (value(a) / 2 + value(b))
    monkeypatch.setattr(tf.distribute, "get_strategy", Two)
    assert value(loss) == pytest.approx(alone, rel=1e-6)
