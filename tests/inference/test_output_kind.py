"""Every prediction reads from the model whether its output holds probabilities or logits."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_seg as ks
from keras_seg import InputError
from keras_seg.inference.output_kind import check_finite, class_ids, last_activation, output_kind, single_output

IMAGES = np.random.default_rng(0).uniform(0, 255, (1, 12, 16, 3)).astype("float32")


def ends_in(*last, classes=2):
    x = image = keras.Input((None, None, 3))
    x = layers.Conv2D(classes, 1)(x)
    for step in last:
        x = step(x)
    return keras.Model(image, x)


def nested(model, *after):
    image = keras.Input((None, None, 3))
    x = model(image)
    for step in after:
        x = step(x)
    return keras.Model(image, x)


def resizing_only():
    return keras.Sequential([keras.Input((None, None, 2)), ks.layers.Resize2D(2)])


@keras.saving.register_keras_serializable("tests")
class Softmax(layers.Layer):
    """A layer of the user's own, which only its name makes a softmax."""

    def call(self, x):
        return x - 3


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(1, 1, activation="sigmoid")

    def call(self, x):
        return self.conv(x)


KINDS = {
    "no activation": (lambda: ends_in(), "logits"),
    "softmax argument": (lambda: ends_in(layers.Conv2D(2, 1, activation="softmax")), "softmax"),
    "softmax layer": (lambda: ends_in(layers.Softmax()), "softmax"),
    "softmax operation": (lambda: ends_in(ops.softmax), "softmax"),
    "softmax over rows": (lambda: ends_in(lambda x: ops.softmax(x, axis=1)), None),
    "softmax in float32": (lambda: ends_in(layers.Activation("softmax", dtype="float32")), "softmax"),
    "softmax layer as activation": (lambda: ends_in(layers.Activation(layers.Softmax())), "softmax"),
    "sigmoid argument": (lambda: ends_in(layers.Conv2D(2, 1, activation="sigmoid")), "sigmoid"),
    "sigmoid operation": (lambda: ends_in(ops.sigmoid), "sigmoid"),
    "log softmax": (lambda: ends_in(layers.Activation("log_softmax")), "logits"),
    "linear in float32": (lambda: ends_in(layers.Activation("linear", dtype="float32")), "logits"),
    "cast": (lambda: ends_in(ops.sigmoid, lambda x: ops.cast(x, "float16")), "sigmoid"),
    "resized": (lambda: ends_in(layers.Softmax(), ks.layers.Resize2D(2)), "softmax"),
    "sum of logits": (lambda: ends_in(lambda x: layers.Add()([x, layers.Conv2D(2, 1)(x)])), "logits"),
    "mean of softmax": (lambda: ends_in(layers.Softmax(), lambda x: layers.Average()([x, x])), "softmax"),
    "sum of softmax": (lambda: ends_in(layers.Softmax(), lambda x: layers.Add()([x, x])), None),
    "one class of softmax": (lambda: ends_in(layers.Softmax(), lambda x: x[..., 1:]), "sigmoid"),
    "one class of softmax, nested": (lambda: nested(ends_in(layers.Softmax()), lambda x: x[..., :1]), "sigmoid"),
    "some classes of softmax": (lambda: ends_in(layers.Softmax(), lambda x: x[..., 1:], classes=3), "sigmoid"),
    "some classes of softmax, resized": (
        lambda: nested(ends_in(ops.softmax, classes=4), lambda x: x[..., :2], ks.layers.Resize2D(2)),
        "sigmoid",
    ),
    "a class of softmax without its axis": (lambda: ends_in(layers.Softmax(), lambda x: x[..., 1]), "sigmoid"),
    "classes of softmax in another order": (lambda: ends_in(layers.Softmax(), lambda x: x[..., ::-1]), "softmax"),
    "classes of softmax joined": (
        lambda: ends_in(layers.Softmax(), lambda x: layers.Concatenate()([x[..., 1:], x[..., :1]])),
        None,
    ),
    "some classes of logits": (lambda: ends_in(lambda x: x[..., 1:], classes=3), "logits"),
    "rows of softmax": (lambda: ends_in(layers.Softmax(), lambda x: x[:, 1:-1]), "softmax"),
    "relu": (lambda: ends_in(layers.ReLU()), None),
    "lambda": (lambda: ends_in(layers.Lambda(lambda x: x, output_shape=(None, None, 2))), None),
    "partial": (lambda: ends_in(layers.Conv2D(2, 1, activation=functools.partial(ops.softmax, axis=-1))), None),
    "own layer called Softmax": (lambda: ends_in(Softmax()), None),
    "nested": (lambda: nested(ends_in(layers.Softmax())), "softmax"),
    "nested twice": (lambda: nested(nested(ends_in(ops.sigmoid))), "sigmoid"),
    "nested, then softmax": (lambda: nested(ends_in(), layers.Softmax()), "softmax"),
    "nested model that resizes": (lambda: nested(ends_in(ops.sigmoid), resizing_only()), "sigmoid"),
    "augmented logits": (lambda: ks.inference.TestTimeAugmentation(ends_in(), "hflip"), "logits"),
    "augmented softmax": (lambda: nested(ks.inference.TestTimeAugmentation(ends_in(ops.softmax), "hflip")), "softmax"),
    "augmented lambda": (
        lambda: ks.inference.TestTimeAugmentation(ends_in(layers.Lambda(lambda x: x, output_shape=(None, None, 2)))),
        None,
    ),
    "augmented lambda, called probabilities": (
        lambda: ks.inference.TestTimeAugmentation(
            ends_in(layers.Lambda(lambda x: x, output_shape=(None, None, 2))), merge_on="probabilities"
        ),
        "softmax",
    ),
    "of the package": (lambda: ks.models.UNet(num_classes=3, filters=4, depth=1, activation=None), "logits"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kind_of_the_last_layers(name):
    make, activation = KINDS[name]
    model = make()
    assert last_activation(model.outputs[0]) == activation
    kinds = {"softmax": "probabilities", "sigmoid": "probabilities", "logits": "logits", None: "unknown"}
    assert output_kind(model) == kinds[activation]


def test_a_model_without_a_graph_is_of_unknown_kind():
    model = Subclassed()
    model(IMAGES)
    assert output_kind(model) == "unknown"
    np.testing.assert_array_equal(
        ks.inference.predict_classes(model, IMAGES), model.predict_on_batch(IMAGES)[..., 0] > 0.5
    )


def test_class_ids_of_one_channel():
    """Logits are cut at 0, which is a probability of 0.5."""
    scores = np.array([-0.4, 0.2, 0.7], "float32")[:, None]
    np.testing.assert_array_equal(class_ids(scores, "logits"), [0, 1, 1])
    np.testing.assert_array_equal(class_ids(scores, "probabilities"), [0, 0, 1])
    np.testing.assert_array_equal(class_ids(scores[1:], "unknown"), [0, 1])
    with pytest.raises(InputError, match=r"one channel .* Received: values from -0.4 to 0.7. .*sigmoid"):
        class_ids(scores, "unknown")


def test_probabilities_that_rounding_has_moved_beyond_1_are_probabilities():
    """Tiles of a saturated sigmoid, of which each pixel is a weighted mean, add up to the float after 1."""
    scores = np.array([-1e-7, 0.3, np.nextafter(np.float32(1), np.float32(2))], "float32")[:, None]
    np.testing.assert_array_equal(class_ids(scores, "unknown"), [0, 0, 1])
    with pytest.raises(InputError, match="values from -1e-07 to 1.01"):
        class_ids(np.append(scores, [[1.01]], axis=0), "unknown")


def test_logits_of_one_channel_give_the_ids_of_their_probabilities():
    logits = ends_in(classes=1)
    logits.set_weights([np.full((1, 1, 3, 1), 1 / 300, "float32"), np.full(1, -1, "float32")])
    sigmoid = keras.Model(logits.input, layers.Activation("sigmoid")(logits.output))
    expected = ks.inference.predict_classes(sigmoid, IMAGES)
    assert expected.dtype == np.int32
    scores = logits.predict_on_batch(IMAGES)
    assert ((scores > 0) & (scores <= 0.5)).any() and (scores < 0).any()
    np.testing.assert_array_equal(expected, scores[..., 0] > 0)
    np.testing.assert_array_equal(ks.inference.predict_classes(logits, IMAGES), expected)


def test_several_outputs_are_refused_by_name():
    image = keras.Input((None, None, 3))
    outputs = {"edge": layers.Conv2D(1, 1)(image), "probabilities": layers.Conv2D(2, 1)(image)}
    model = keras.Model(image, outputs)
    expected = r"`model` must have one output only.*'edge', 'probabilities'.*model.output\[\"probabilities\"\]"
    for use in (
        single_output,
        output_kind,
        lambda model: ks.inference.predict_classes(model, IMAGES),
        lambda model: ks.inference.TiledPredictor(model, tile=(8, 8)),
        lambda model: ks.inference.TestTimeAugmentation(model),
    ):
        with pytest.raises(InputError, match=expected):
            use(model)
    with pytest.raises(InputError, match=r"2 outputs.*model.outputs\[0\]"):
        single_output(keras.Model(image, list(outputs.values())))
    one = keras.Model(image, {"edge": outputs["edge"]})
    assert ks.inference.predict_classes(one, IMAGES).shape == (1, 12, 16)


def test_scores_that_are_not_finite_are_refused():
    model = ends_in(ops.softmax)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    with pytest.raises(InputError, match="scores of `model` must be finite. Received: NaN .* diverged"):
        ks.inference.predict_classes(model, IMAGES)
    check_finite(np.full(9, 3e38, "float32"), "Large numbers")
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(InputError, match="^`scores` must be finite"):
            check_finite(np.array([0, value], "float32"), "`scores`")
    check_finite(np.array([0, -np.inf], "float32"), "`scores`", allow_infinity=True)
    with pytest.raises(InputError, match="^`scores` must be finite"):
        check_finite(np.array([np.nan, -np.inf], "float32"), "`scores`", allow_infinity=True)
