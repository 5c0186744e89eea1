"""load_pretrained: every layer but those of the classes keeps its weights."""

import keras
import numpy as np
import pytest
from random_weights import randomized

from keras_seg import models
from keras_seg._validation import InputError

pytestmark = pytest.mark.tensorflow_only


def small(num_classes=5, **arguments):
    return models.UNet(num_classes=num_classes, filters=4, depth=1, **arguments)


def renewed(source, **arguments):
    with pytest.warns(UserWarning, match="initial weights"):
        return models.load_pretrained(source, **arguments)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("UNet", {"filters": 4, "depth": 2}),
        ("UNet", {"filters": (5, 5)}),  # There are as many features as classes.
        ("UNet", {"backbone": "Compact", "decoder_stride": 8, "decoder_filters": (8, 5)}),
        ("FCN8s", {"filters": (4, 4, 4, 4, 4), "fc_filters": 8}),  # Three scores, and three layers that enlarge them.
        ("FPN", {"backbone": "Compact", "pyramid_filters": 8, "segmentation_filters": 8}),
        ("LRASPP", {"backbone": "Compact"}),  # The sum of two scores.
        ("SegNetBasic", {}),
    ],
)
def test_only_layers_of_the_classes_get_initial_weights(name, arguments):
    """Exactly the layers that differ between models of five and of three classes."""
    source, wanted = (models.build(name, num_classes=count, **arguments) for count in (5, 3))
    model = renewed(randomized(source), num_classes=3)
    assert model.output_shape == wanted.output_shape
    before, after, other = ({layer.name: layer for layer in each.layers} for each in (source, model, wanted))
    changed = 0
    for key, layer in before.items():
        shapes = [weight.shape for weight in other[key].weights]
        if shapes == [weight.shape for weight in layer.weights]:
            assert after[key] is layer or not shapes, key
        else:
            changed += 1
            assert shapes == [weight.shape for weight in after[key].weights]
    assert changed
    assert np.isfinite(model(np.zeros((1, 64, 64, 3)))).all()


def ending_in(activation, classes):
    """A model whose last activation is a layer or an operation of its own, behind one that moves the scores."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.UpSampling2D()(keras.layers.Conv2D(classes, 1, name="logits")(image))
    return keras.Model(image, activation(x))


@pytest.mark.parametrize("activation", [
    keras.layers.Softmax(), keras.layers.Activation("softmax"), keras.layers.Activation(keras.layers.Softmax()),
    keras.ops.softmax, keras.ops.log_softmax,
])  # fmt: skip
def test_one_class_alone_is_refused_behind_every_softmax(activation):
    """Its score would be 1 at every pixel."""
    with pytest.raises(InputError, match="`num_classes` must be at least 2 for a model that ends in softmax"):
        models.load_pretrained(ending_in(activation, 5), num_classes=1)
    assert renewed(ending_in(activation, 5), num_classes=2).output_shape[-1] == 2


@pytest.mark.parametrize("activation", [keras.layers.Activation("sigmoid"), keras.ops.sigmoid])
def test_several_classes_are_refused_behind_every_sigmoid_of_one(activation):
    with pytest.raises(InputError, match="`num_classes` must be 1 for a model of one channel"):
        models.load_pretrained(ending_in(activation, 1), num_classes=3)
    assert renewed(ending_in(activation, 5), num_classes=3).output_shape[-1] == 3


@pytest.mark.parametrize("activation", [keras.layers.ReLU(), keras.ops.relu, keras.layers.PReLU()])
def test_features_behind_an_activation_of_its_own_stay(activation):
    """There are as many of them as classes."""
    image = keras.Input((8, 8, 3))
    x = activation(keras.layers.Conv2D(5, 1, name="features")(image))
    source = keras.Model(image, keras.layers.Conv2D(5, 1, name="logits")(x))
    model = renewed(source, num_classes=3)
    assert model.get_layer("features") is source.get_layer("features")


@pytest.mark.parametrize("context", ["basic", "large"])
@pytest.mark.parametrize("num_classes", [3, 10])
def test_a_layer_that_began_as_the_identity(context, num_classes):
    """The context module's features stay. Its last layer passed on classes, which are others now."""
    source = randomized(models.DilatedFCN(5, context=context, filters=(4, 4, 4, 4, 4), fc_filters=8))
    with pytest.warns(UserWarning, match=f"context8 gets initial weights for {num_classes}"):
        model = models.load_pretrained(source, num_classes=num_classes)
    assert all(model.get_layer(f"context{number}") is source.get_layer(f"context{number}") for number in range(1, 8))
    kernel, bias = model.get_layer("context8").get_weights()
    assert kernel.shape == (1, 1, 5 if context == "basic" else 160, num_classes)
    assert kernel.std() > 0.01 and not bias.any()
    assert model(np.zeros((1, 64, 64, 3))).shape == (1, 64, 64, num_classes)


def test_the_new_head_of_a_frozen_model_can_be_trained(tmp_path):
    """It would keep the numbers that it is drawn with."""
    source = small()
    source.trainable = False
    source.save(tmp_path / "model.keras")
    for given in (source, tmp_path / "model.keras"):
        model = renewed(given, num_classes=3)
        trained = {layer.name for layer in model.layers if layer.trainable_weights}
        assert trained == {"logits"} and len(model.trainable_weights) == 2
    assert not source.trainable_weights


def test_a_new_enlargement_stays_bilinear():
    """It is frozen in the paper, too."""
    source = randomized(models.FCN32s(5, filters=(4, 4, 4, 4, 4), fc_filters=8, deconvolution="dense"))
    model = renewed(source, num_classes=3)
    assert model.get_layer("upscore32").get_weights()[0].shape == (64, 64, 3, 3)
    assert model.get_layer("score_fr").trainable and not model.get_layer("upscore32").trainable


def test_a_file_and_a_run(tmp_path):
    source = randomized(small())
    source.save(tmp_path / "model.keras")
    image = np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 3))
    for place in (tmp_path, tmp_path / "model.keras", str(tmp_path / "model.keras")):
        for arguments in ({}, {"num_classes": 5}):
            np.testing.assert_array_equal(models.load_pretrained(place, **arguments)(image), source(image))
    with pytest.warns(
        UserWarning, match=r"model.keras scores 5 classes: logits gets initial weights for 2\. All other layers"
    ):
        model = models.load_pretrained(tmp_path / "model.keras", num_classes=2)
    model.save(tmp_path / "other.keras")
    np.testing.assert_array_equal(models.load_pretrained(tmp_path / "other.keras")(image), model(image))
    # Layers before the head give what they gave.
    before, after = (
        keras.Model(each.inputs, each.get_layer("logits").input)(image) for each in (source, model)
    )  # fmt: skip
    np.testing.assert_array_equal(before, after)


def test_an_address_is_left_to_keras(monkeypatch):
    source = small()
    monkeypatch.setattr(keras.saving, "load_model", lambda path, compile: (path, compile) == (HUB, False) and source)
    assert models.load_pretrained(HUB) is source


HUB = "hf://someone/streets"


def test_an_address_that_cannot_be_loaded(monkeypatch):
    """Whatever the error is, a line with its first one."""

    def fail(path, compile):
        raise RuntimeError("404 Client Error. (Request ID: Root=1)\n\nRepository Not Found for url")

    monkeypatch.setattr(keras.saving, "load_model", fail)
    with pytest.raises(InputError, match=r"^hf://someone/streets: Keras cannot .*\(404 .*Root=1\)\)\. Check") as error:
        models.load_pretrained(HUB)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "source, num_classes, message",
    [
        (None, None, "`source` must be a path, an address or a keras.Model.*NoneType"),
        (3, None, "`source` must be a path, an address or a keras.Model.*int"),
        ({"conv.weight": np.zeros((2, 3))}, None, "`source` must be a path.*dict.*filled into a model by .*convert"),
        ("weights.h5", None, "`source` must be a .keras file or a folder that holds model.keras"),
        ("none.keras", None, "none.keras: no such file"),
        ("broken.keras", None, "broken.keras: Keras cannot load a model from it"),
        (".", None, "model.keras: no such file"),
        (small, 0, "`num_classes`"),
        (small, 1, "`num_classes` must be at least 2 for a model that ends in softmax"),
        (lambda: small(1, activation="sigmoid"), 3, "`num_classes` must be 1 for a model of one channel"),
        (lambda: keras.Sequential([keras.Input((8, 8, 3)), keras.layers.ReLU()]), 2, "must end in a convolution"),
        (lambda: keras.Model(image := keras.Input((8, 8, 3)), [image, image]), 2, "`source` must have one output"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, source, num_classes, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.keras").write_bytes(b"PK\3\4 not a model")
    with pytest.raises(InputError, match=message) as error:
        models.load_pretrained(source() if callable(source) else source, num_classes=num_classes)
    assert "\n" not in str(error.value)
