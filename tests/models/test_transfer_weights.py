"""Weights from VGG16 to FCN-32s to 16s to 8s: what is copied, that it computes the same, and what is refused."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation
from keras_seg.backbones.adapt_kernel import adapt_kernel

SMALL = {"num_classes": 3, "filters": (2, 3, 4, 4, 5), "fc_filters": 6}


def fcn(stride, **kwargs):
    return {32: ks.models.FCN32s, 16: ks.models.FCN16s, 8: ks.models.FCN8s}[stride](**{**SMALL, **kwargs})


def tiny_vgg16(filters=SMALL["filters"], fc_filters=SMALL["fc_filters"]):
    """keras.applications.VGG16 with its top, at other widths: the same layers under the same names."""
    image = x = keras.Input((224, 224, 3))
    for block, (width, count) in enumerate(zip(filters, (2, 2, 3, 3, 3), strict=True), start=1):
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            x = keras.layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = keras.layers.Dense(fc_filters, activation="relu", name=name)(x)
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax", name="predictions")(x), name="vgg16")
    rng = np.random.default_rng(0)
    for layer in model.layers:
        layer.set_weights([np.abs(rng.normal(0, 0.3, size=w.shape)) / 4 for w in layer.get_weights()])
    return model


def check_equals_the_classifier(classifier, net, image):
    """A "same" fc6 reads, in the middle of a 7x7 map, the whole of it: what the dense layer reads."""
    by_hand = image[..., ::-1] - np.array([103.939, 116.779, 123.68], "float32")
    expected = keras.Model(classifier.input, classifier.get_layer("fc2").output).predict(by_hand, verbose=0)
    fc7 = keras.Model(net.input, net.get_layer("fc7").output).predict(image, verbose=0)
    assert fc7.shape[1:3] == (7, 7)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(fc7[:, 3, 3], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert np.abs(fc7[:, 2, 3] - expected).max() > 1e-2 * np.abs(expected).max()


@pytest.mark.slow_off_tensorflow
def test_the_convolutionalized_classifier_computes_what_the_classifier_does():
    classifier, net = tiny_vgg16(), fcn(32)
    copied = ks.models.transfer_weights(classifier, net)
    assert len(copied) == 13 + 2
    assert "score_fr" not in copied
    image = np.random.default_rng(1).uniform(0, 255, size=(1, 224, 224, 3)).astype("float32")
    check_equals_the_classifier(classifier, net, image)


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_the_real_vgg16():
    classifier = keras.applications.VGG16(weights=None)
    net = ks.models.FCN32s(num_classes=21)
    assert len(ks.models.transfer_weights(classifier, net)) == 15
    image = np.random.default_rng(1).uniform(0, 255, size=(1, 224, 224, 3)).astype("float32")
    check_equals_the_classifier(classifier, net, image)


def fill(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.1, size=w.shape) for w in model.get_weights()])
    return model


def test_from_coarse_to_fine():
    """A finer net starts from the coarser one's scores, its own new score layers being zero."""
    coarse, middle, fine = fill(fcn(32)), fcn(16), fcn(8)
    assert ks.models.transfer_weights(coarse, middle)[-1] == "score_fr"
    ks.models.transfer_weights(middle, fine)
    image = np.random.default_rng(1).uniform(0, 255, size=(1, 64, 64, 3)).astype("float32")
    scores = [
        keras.Model(model.input, model.get_layer("score_fr").output).predict(image, verbose=0)
        for model in (coarse, middle, fine)
    ]
    assert np.abs(scores[0]).max() > 0
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    assert not fine.get_layer("score_pool4").get_weights()[0].any()


def test_to_other_classes_all_but_the_scores():
    source, target = fill(fcn(8, deconvolution="dense")), fcn(8, num_classes=5, deconvolution="dense")
    copied = ks.models.transfer_weights(source, target)
    assert len(copied) == 15
    np.testing.assert_array_equal(target.get_layer("fc7").get_weights()[0], source.get_layer("fc7").get_weights()[0])


@pytest.mark.parametrize("aux", [(True, True), (True, False), (False, True)])
def test_to_other_classes_of_models_with_auxiliary_heads(aux):
    """The main output decides which layers score the classes, those of the auxiliary head included."""
    source, target = (
        ks.models.PSPNet(num_classes=count, backbone="Compact", filters=8, aux=one)
        for count, one in zip((3, 5), aux, strict=True)
    )
    copied = ks.models.transfer_weights(fill(source), target)
    assert {"backbone", "bottleneck_conv"} <= set(copied)
    assert not {"logits", "aux_logits"} & set(copied)
    assert ("aux_conv" in copied) == all(aux)


def test_to_other_channels():
    source, target = fill(fcn(32)), fcn(32, input_shape=(None, None, 5))
    ks.models.transfer_weights(source, target)
    kernel = source.get_layer("block1_conv1").get_weights()[0]
    np.testing.assert_allclose(target.get_layer("block1_conv1").get_weights()[0], adapt_kernel(kernel, 5, bgr=True))


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("preprocessing", [True, False])
def test_to_other_channels_without_the_names_of_vgg16(channels, preprocessing):
    """The image of a U-Net has red first."""
    given = {"num_classes": 2, "filters": 4, "depth": 1, "include_preprocessing": preprocessing}
    source, target = fill(ks.models.UNet(**given)), ks.models.UNet(**given, input_shape=(None, None, channels))
    assert len(ks.models.transfer_weights(source, target)) == len([layer for layer in source.layers if layer.weights])
    kernel, *others = source.get_weights()
    found, *same = target.get_weights()
    np.testing.assert_allclose(found, adapt_kernel(kernel, channels), rtol=1e-6)
    for ours, theirs in zip(same, others, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", ["torch", "caffe"])
def test_to_other_channels_inside_of_a_backbone(mode):
    kwargs = {"num_classes": 2, "backbone": "Compact", "decoder_filters": (8, 8, 8), "decoder_stride": 4}
    source, target = (
        ks.models.UNet(**kwargs, include_preprocessing=mode, input_shape=(None, None, channels)) for channels in (3, 4)
    )
    fill(source)
    assert "backbone" in ks.models.transfer_weights(source, target)
    kernel, *others = source.get_layer("backbone").get_weights()
    found, *same = target.get_layer("backbone").get_weights()
    np.testing.assert_allclose(found, adapt_kernel(kernel, 4, bgr=mode == "caffe"), rtol=1e-6)
    for ours, theirs in zip(same, others, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def two_branches(channels, mode="torch", between=None):
    """Two convolutions that read the image, and a third behind them."""
    image = keras.Input((8, 8, channels))
    x = ks.layers.PadToStride(4)(ks.layers.Preprocessing(mode)(image))
    if between is not None:
        x = between(x)
    branches = [keras.layers.Conv2D(4, size, padding="same", name=f"branch{size}")(x) for size in (1, 3)]
    return keras.Model(image, keras.layers.Conv2D(3, 1, name="last")(keras.layers.Add()(branches)))


def test_all_convolutions_that_read_the_image_are_adapted():
    source, target = fill(two_branches(3)), two_branches(6, "caffe")
    assert sorted(ks.models.transfer_weights(source, target)) == ["branch1", "branch3", "last"]
    for name in ("branch1", "branch3"):
        there, here = (model.get_layer(name).get_weights()[0] for model in (source, target))
        np.testing.assert_allclose(here, adapt_kernel(there, 6), rtol=1e-6)


@pytest.mark.parametrize(
    "counts, between, layer",
    [
        ((4, 3), lambda: None, "branch1"),  # The rule is for three colors.
        ((3, 4), lambda: keras.layers.LayerNormalization(name="norm"), "norm"),  # Learned for each color.
    ],
)
def test_other_channels_that_are_refused(counts, between, layer):
    source, target = (two_branches(count, between=between()) for count in counts)
    before = target.get_weights()
    with pytest.raises(_validation.InputError, match=f"has other shapes of weights in layer '{layer}'") as caught:
        ks.models.transfer_weights(source, target)
    assert "\n" not in str(caught.value)
    for old, new in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_backbone_is_one_layer():
    kwargs = {"backbone": "Compact", "decoder_filters": (8, 8, 8), "decoder_stride": 4}
    source, target = ks.models.UNet(num_classes=2, **kwargs), ks.models.UNet(num_classes=3, **kwargs)
    copied = ks.models.transfer_weights(source, target)
    assert "backbone" in copied
    assert "logits" not in copied
    pairs = zip(source.get_layer("backbone").get_weights(), target.get_layer("backbone").get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_an_adapted_normalization():
    """Keras computes with constants that it has made of the weights, not with the weights."""
    source, target = (
        keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Normalization(name="norm")]) for _ in range(2)
    )
    image = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")
    source.get_layer("norm").adapt(image)
    assert ks.models.transfer_weights(source, target) == ["norm"]
    np.testing.assert_array_equal(target.predict(image, verbose=0), source.predict(image, verbose=0))


def test_what_does_not_fit_changes_nothing():
    source, target = fill(fcn(32, fc_filters=7)), fcn(32)
    before = target.get_weights()
    with pytest.raises(_validation.InputError, match="`source` has other shapes of weights in layer 'fc6'") as caught:
        ks.models.transfer_weights(source, target)
    assert "\n" not in str(caught.value)
    for old, new in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_nothing_in_common():
    with pytest.raises(_validation.InputError, match="`target` has no layer in common with 'unet'"):
        ks.models.transfer_weights(ks.models.UNet(num_classes=3, filters=4, depth=2), fcn(32))


@pytest.mark.parametrize("model", [None, "fcn.keras"])
def test_other_things_than_models(model):
    with pytest.raises(_validation.InputError, match="`source` must be a keras.Model"):
        ks.models.transfer_weights(model, fcn(32))
