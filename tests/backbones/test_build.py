import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import backbones

TF = keras.backend.backend() == "tensorflow"


slow = pytest.mark.slow


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    "name",
    ["Compact", "EfficientNetB0", "Xception", *(pytest.param(n, marks=slow) for n in ("MobileNetV2", "InceptionV3"))],
)
def test_any_size_any_channels(name):
    """Built once at (None, None): exact 2^n pyramids at several sizes, of four-channel images."""
    if not TF and name not in ("Compact", "Xception"):
        pytest.skip("one backend is enough")
    model = backbones.build(name, input_shape=(None, None, 4))
    for height, width in ((64, 96), (96, 64)):
        pyramid = model(np.zeros((1, height, width, 4), "float32"))
        assert list(pyramid) == ["P1", "P2", "P3", "P4", "P5"]
        for level, features in pyramid.items():
            stride = 2 ** int(level[1])
            assert tuple(features.shape[1:3]) == (height // stride, width // stride)


def test_convnext_has_no_first_level():
    assert sorted(backbones.build("ConvNeXtTiny").output) == ["P2", "P3", "P4", "P5"]


@pytest.mark.thorough
def test_aligned_xception_computes_the_published_values_inside():
    """ "same" samples the grid of "valid": away from the border the first maps agree, one ring wider."""
    published = keras.applications.Xception(include_top=False, weights=None, input_shape=(96, 96, 3))
    ours = backbones.build("Xception", include_preprocessing=False)
    for layer in published.layers:
        if layer.weights and layer.name.startswith("block"):
            ours.get_layer(layer.name).set_weights(layer.get_weights())
    image = np.random.default_rng(0).normal(size=(1, 96, 96, 3)).astype("float32")

    def stem(model):
        return keras.ops.convert_to_numpy(
            keras.Model(model.inputs[0], model.get_layer("block1_conv2_act").output)(image)
        )

    valid, same = stem(published), stem(ours)
    assert valid.shape[1] == 45
    assert same.shape[1] == 48
    # valid conv 2 starts one pixel inside conv 1's map, so index i there is i + 1 here.
    np.testing.assert_allclose(same[:, 1:46, 1:46], valid, atol=1e-5)


def test_own_model_shares_its_weights():
    net = backbones.Compact(filters=(4, 4, 4, 4, 4), input_shape=(64, 64, 3))
    model = backbones.build(net, input_shape=(None, None, 3), name="backbone")
    assert model.name == "backbone"
    assert all(ours is theirs for ours, theirs in zip(model.weights, net.weights, strict=True))
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    last = keras.ops.convert_to_numpy(net(image))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(image)["P5"]), last, atol=1e-6)
    assert tuple(model(image[:, :32])["P5"].shape) == (1, 1, 2, 4)


def test_mode_in_front_of_an_own_model():
    net = backbones.Compact(filters=(4, 4, 4, 4, 4), include_preprocessing=False)
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    ours = backbones.build(net, include_preprocessing="tf")(image)["P5"]
    by_hand = backbones.build(net)(image / 127.5 - 1.0)["P5"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(by_hand), atol=1e-5)


@pytest.mark.slow_off_tensorflow
def test_nested_models_are_opened():
    inner = backbones.Compact(filters=(4, 5, 6, 7, 8))
    net = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Rescaling(1.0), inner])
    model = backbones.build(net)
    assert [tensor.shape[-1] for tensor in model.output.values()] == [4, 5, 6, 7, 8]
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    ours, theirs = model(image)["P5"], inner(image)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs), atol=1e-6)


def test_declared_pyramids():
    """Stand-ins for keras-hub's `pyramid_outputs` and keras-cv's `pyramid_level_inputs`: names follow the strides."""

    class HubLike(keras.Model):
        @property
        def pyramid_outputs(self):
            return {"P2": self.get_layer("stage2_block1_relu").output, "P6": self.output}

    class CvLike(keras.Model):
        pyramid_level_inputs = {"P1": "stage1_down_relu", "P3": "stage3_block1_relu"}

    net = backbones.Compact()
    hub = HubLike(net.inputs[0], net.output)
    assert {level: tensor.shape[-1] for level, tensor in backbones.build(hub).output.items()} == {"P2": 32, "P5": 128}
    cv = CvLike(net.inputs[0], net.output)
    assert {level: tensor.shape[-1] for level, tensor in backbones.build(cv).output.items()} == {"P1": 16, "P3": 64}


def segmenter(**kwargs):
    inputs = keras.Input((None, None, 3))
    pyramid = backbones.build(name="backbone", **kwargs)(inputs)
    outputs = keras.layers.Conv2D(2, 1, activation="softmax", dtype="float32")(pyramid["P3"])
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    "name", ["Compact", *(pytest.param(n, marks=slow) for n in ("ConvNeXtTiny", "EfficientNetB0"))]
)
def test_nested_in_a_model_it_saves_and_loads(name, tmp_path):
    if not TF and name != "Compact":
        pytest.skip("one backend is enough")
    model = segmenter(backbone=name, trainable=False)
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 64, 3)).astype("float32")
    before = keras.ops.convert_to_numpy(model(image))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(again(image)), before, atol=1e-6)
    assert len(again.trainable_variables) == len(model.trainable_variables) == 2
    assert list(again.get_layer("backbone").output) == list(model.get_layer("backbone").output)


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    pyramid = backbones.build("Compact")(np.full((1, 32, 32, 3), 200.0, "float32"))
    assert {keras.backend.standardize_dtype(features.dtype) for features in pyramid.values()} == {"float16"}


@pytest.mark.skipif(not TF, reason="TFLite comes from TensorFlow")
@pytest.mark.parametrize("mode", ["caffe", "tf"])
def test_exports_to_tflite_without_flex(mode):
    import tensorflow as tf

    inputs = keras.Input((32, 32, 3), batch_size=1)
    pyramid = backbones.build("Compact", include_preprocessing=mode)(inputs)
    model = keras.Model(inputs, pyramid["P5"])
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(model).get_concrete_function(tf.TensorSpec((1, 32, 32, 3)))]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    lite = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(lite, keras.ops.convert_to_numpy(model(image)), atol=1e-4)


def momenta(model):
    return {layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}


@pytest.mark.tensorflow_only
def test_networks_by_name_follow_their_statistics_quickly():
    """Published with 0.999 and 0.99; that of a network given as an object is its owner's."""
    assert momenta(backbones.build("MobileNetV2")) == momenta(backbones.build("EfficientNetLite0")) == {0.95}
    assert momenta(backbones.build("ResNet18")) == {0.9}
    own = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
    assert momenta(backbones.build(own, include_preprocessing="tf")) == {0.999}


def test_compact_stages():
    net = backbones.Compact(filters=(2, 3, 4, 5, 6), blocks=(1, 0, 0, 0, 2), batch_norm_momentum=0.9)
    names = [layer.name for layer in net.layers if isinstance(layer, keras.layers.Conv2D)]
    downs = [f"stage{n}_down_conv" for n in range(1, 6)]
    assert names == [downs[0], "stage1_block1_conv", *downs[1:], "stage5_block1_conv", "stage5_block2_conv"]
    assert net.get_layer("stage2_down_norm").momentum == 0.9
    # 3*3*3*2 + 3*3*2*2 + 3*3*2*3 + 3*3*3*4 + 3*3*4*5 + 3*3*5*6 + 2 * 3*3*6*6 = 1,368 kernels, and four numbers of
    # BatchNormalization for each of 2+2+3+4+5+6+6+6 = 34 channels.
    assert backbones.Compact().count_params() == 468_464  # as its docstring says
    assert net.count_params() == 54 + 36 + 54 + 108 + 180 + 270 + 2 * 324 + 4 * 34


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"backbone": "MobilNetV2"}, "`backbone` is not a known network.*'MobilNetV2'. Did you mean 'MobileNetV2'"),
        ({"backbone": "resnet_50_imagenet"}, "a preset of keras-hub, pass 'hub:resnet_50_imagenet'. Did you mean 'Res"),
        ({"backbone": "dinov2_small"}, "For a preset of keras-hub, pass 'hub:dinov2_small'. "),
        ({"backbone": "hf://user/my_vit"}, "For a preset of keras-hub, pass 'hub:hf://user/my_vit'. Choose one of"),
        ({"backbone": 3}, "`backbone` must be a name or a keras.Model"),
        ({"backbone": "Compact", "input_shape": (None, 3)}, "`input_shape` must be"),
        ({"backbone": "Compact", "input_shape": (33, 64, 3)}, "multiples of 32.*Use 64, or None"),
        ({"backbone": "Compact", "skips": "thin"}, "`skips` is not a known option"),
        ({"backbone": "Compact", "include_preprocessing": "pytorch"}, "`include_preprocessing` is not a known option"),
        ({"backbone": "Compact", "weights": "imagenet"}, "`weights` has no published file for 'compact'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message) as caught:
        backbones.build(**kwargs)
    assert "\n" not in str(caught.value)


def test_a_declared_pyramid_leaves_no_choice_of_skips():
    with pytest.raises(ValueError, match="`skips` has no effect on 'compact', which declares its own maps"):
        backbones.build(backbones.build("Compact"), skips="narrow")


def test_channels_of_an_own_model():
    with pytest.raises(ValueError, match=r"must have the 3 channels.*Pass input_shape=\(None, None, 3\)"):
        backbones.build(backbones.Compact(), input_shape=(None, None, 4))


def test_compact_arguments():
    with pytest.raises(ValueError, match="`filters` must hold five integers"):
        backbones.Compact(filters=(1, 2))
    with pytest.raises(ValueError, match="`blocks` must be an integer of at least 0"):
        backbones.Compact(blocks=(1, 1, 1, 1, -1))
    with pytest.raises(ValueError, match="`batch_norm_momentum` must be"):
        backbones.Compact(batch_norm_momentum=2)
    with pytest.raises(ValueError, match="`include_preprocessing` is not a known option"):
        backbones.Compact(include_preprocessing="pytorch")
    with pytest.raises(ValueError, match="`input_shape` must be"):
        backbones.Compact(input_shape=(None, 3))


def test_networks_by_name_normalize_by_our_layer(tmp_path):
    model = ks.backbones.build("MobileNetV2", input_shape=(64, 64, 3))
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 52
    assert {type(layer) for layer in norms} == {ks.layers.BatchNormalization}
    model.save(tmp_path / "backbone.keras")
    loaded = keras.saving.load_model(tmp_path / "backbone.keras")
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    expected, found = model.predict_on_batch(image), loaded.predict_on_batch(image)
    for level, maps in expected.items():
        np.testing.assert_allclose(found[level], maps, rtol=1e-5, atol=1e-5)


def test_a_given_network_keeps_its_layers():
    network = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3))
    ks.backbones.build(network, include_preprocessing="tf")
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {type(layer) for layer in norms} == {keras.layers.BatchNormalization}
