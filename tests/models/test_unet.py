"""U-Net: geometry, parameters, sizes, freezing, saving and a training step."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_seg as ks
from keras_seg import _validation


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def small(**kwargs):
    plain = {} if kwargs.get("backbone") else {"filters": 4, "depth": 2}
    return ks.models.UNet(**{"num_classes": 3, **plain, **kwargs})


def test_parameters_of_the_plain_model_by_hand():
    """depth 1, filters (4, 8), 3 channels, 2 classes, counted from the definition.

    A 3x3 convolution without bias has 9 * in * out weights, its normalization 4 * out.
    encoder: 9*3*4 + 16 + 9*4*4 + 16 = 284; 9*4*8 + 32 + 9*8*8 + 32 = 928
    decoder: up 9*(8+4)*4 + 16 = 448; second convolution 9*4*4 + 16 = 160; logits 4*2 + 2 = 10
    """
    plain = 284 + 928 + 448 + 160 + 10
    assert ks.models.UNet(num_classes=2, filters=(4, 8)).count_params() == plain
    # scSE on the 12 channels joined and on the 4 that come out: c + 1 to one mixture, c + c back, c + 1 for places
    weighed = ks.models.UNet(num_classes=2, filters=(4, 8), decoder_attention="scse")
    assert weighed.count_params() == plain + (13 + 24 + 13) + (5 + 8 + 5)
    # a gate on the 8 channels at stride 2, by 16 from below, in 4: 2*2*8*4 + (16 + 1)*4 + (4 + 1); none at stride 1
    deeper, gated = (ks.models.UNet(2, filters=(4, 8, 16), decoder_attention=kind) for kind in (None, "gate"))
    assert gated.count_params() == deeper.count_params() + 128 + 68 + 5


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("size", [(8, 12), (7, 11)])
def test_a_gate_equals_the_equations_of_the_paper(size):
    """At each place of the deeper map: sigmoid(psi relu(Wx skip + Wg deep + bg) + b), enlarged, times the skip."""
    model = small(pad_to_stride=False, decoder_attention="gate", include_preprocessing=False)
    layer = model.get_layer
    maps = [layer(name).output for name in ("encoder2_2_relu", "encoder3_2_relu", "decoder1_gate_weighed")]
    image = np.random.default_rng(1).normal(size=(1, *(2 * side - 1 for side in size), 3)).astype("float32")
    skip, deep, found = (ops.convert_to_numpy(map)[0] for map in keras.Model(model.input, maps)(image))
    wx, (wg, bg), (psi, b) = (layer(f"decoder1_gate_{part}").get_weights() for part in ("skip", "deep", "places"))
    places = np.zeros(deep.shape[:2])
    for row, column in np.ndindex(places.shape):
        window = skip[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        shown = sum(window[i, j] @ wx[0][i, j] for i, j in np.ndindex(window.shape[:2]))
        score = np.maximum(shown + deep[row, column] @ wg[0, 0] + bg, 0) @ psi[0, 0] + b
        places[row, column] = 1 / (1 + np.exp(-score.item()))
    assert places.std() > 1e-3
    for axis in (0, 1):
        at = (np.arange(skip.shape[axis]) + 0.5) / 2 - 0.5
        places = np.apply_along_axis(lambda line, at=at: np.interp(at, np.arange(len(line)), line), axis, places)
    np.testing.assert_allclose(found, skip * places[..., None], rtol=1e-4, atol=1e-6)


def test_widths_double_by_default():
    model = ks.models.UNet(num_classes=2, filters=8, depth=3)
    widths = [model.get_layer(f"encoder{level}_2_conv").filters for level in range(1, 5)]
    assert widths == [8, 16, 32, 64]
    assert [model.get_layer(f"decoder{stage}_up").filters for stage in (1, 2, 3)] == [32, 16, 8]


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"decoder_attention": "scse"},
        {"backbone": "Compact", "decoder_attention": "gate"},
        {"backbone": "Compact"},
        {"backbone": "Compact", "decoder_stride": 4},
    ],
)
def test_any_size_at_a_dynamic_shape(kwargs):
    model = small(**kwargs)
    assert model.output_shape == (None, None, None, 3)
    for size in ((32, 64), (37, 50), (5, 3), (1, 1)):
        scores = model.predict(noise(2, *size, 3), verbose=0)
        assert scores.shape == (2, *size, 3)
        np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


def test_padding_is_reflection_and_cropping():
    """The padded model equals the unpadded one on an image mirrored by hand."""
    padded, bare = small(), small(pad_to_stride=False)
    bare.set_weights(padded.get_weights())
    image = noise(1, 10, 13, 3)
    mirrored = np.pad(image, ((0, 0), (0, 2), (0, 3), (0, 0)), mode="reflect")
    expected = bare.predict(mirrored, verbose=0)[:, :10, :13]
    np.testing.assert_allclose(padded.predict(image, verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("attention", [None, "scse", pytest.param("gate", marks=pytest.mark.slow_off_tensorflow)])
def test_odd_sizes_without_padding(attention):
    """Ceil-mode pooling and skips one pixel short of twice the map: 13 -> 7 -> 4 and back."""
    model = small(pad_to_stride=False, decoder_attention=attention)
    assert model.predict(noise(1, 13, 11, 3), verbose=0).shape == (1, 13, 11, 3)


@pytest.mark.slow_off_tensorflow
def test_odd_sizes_without_padding_on_a_backbone():
    """Its finest map is that of stride 2, which is 17 pixels wide for 33: twice as many are one more than the image."""
    model = small(backbone="Compact", pad_to_stride=False, decoder_filters=(8, 8, 8, 8, 8))
    assert model.predict(noise(1, 45, 33, 3), verbose=0).shape == (1, 45, 33, 3)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("backbone", [None, "Compact"])
def test_any_number_of_channels(channels, backbone):
    model = small(backbone=backbone, input_shape=(None, None, channels))
    assert model.predict(noise(1, 32, 32, channels), verbose=0).shape == (1, 32, 32, 3)


def test_logits_and_softmax_agree():
    with_softmax, with_logits = small(), small(activation=None)
    with_logits.set_weights(with_softmax.get_weights())
    image = noise(1, 12, 12, 3)
    expected = ops.convert_to_numpy(ops.softmax(with_logits.predict(image, verbose=0)))
    np.testing.assert_allclose(with_softmax.predict(image, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_decoder_stride_enlarges_logits_bilinearly():
    model = small(backbone="Compact", decoder_stride=4, activation=None)
    logits = keras.Model(model.input, model.get_layer("logits").output)
    image = noise(1, 64, 96, 3)
    coarse = logits.predict(image, verbose=0)
    assert coarse.shape == (1, 16, 24, 3)
    expected = ops.convert_to_numpy(ops.image.resize(coarse, (64, 96), interpolation="bilinear"))
    np.testing.assert_allclose(model.predict(image, verbose=0), expected, rtol=1e-4, atol=1e-4)


def test_raw_input_is_normalized_inside():
    """The same weights without preprocessing see the image in [-1, 1]."""
    raw, bare = small(), small(include_preprocessing=False)
    bare.set_weights(raw.get_weights())
    image = noise(1, 8, 8, 3)
    np.testing.assert_allclose(
        raw.predict(image, verbose=0), bare.predict(image / 127.5 - 1, verbose=0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("backbone", ["MobileNetV2", "MobileNetV3Small", "ConvNeXtTiny"])
def test_backbones(backbone):
    model = ks.models.UNet(num_classes=3, backbone=backbone, decoder_filters=(32, 24, 16, 8, 8))
    assert model.predict(noise(1, 70, 45, 3), verbose=0).shape == (1, 70, 45, 3)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ks.backbones.names())
def test_every_backbone_makes_a_unet(backbone):
    model = ks.models.UNet(num_classes=3, backbone=backbone, decoder_filters=(8, 8, 8, 8, 8))
    assert model.predict(noise(1, 70, 45, 3), verbose=0).shape == (1, 70, 45, 3)


@pytest.mark.slow_off_tensorflow
def test_a_model_of_ones_own_as_backbone():
    image = keras.Input((None, None, 3))
    x = image
    for level in range(1, 4):
        x = keras.layers.Conv2D(4 * level, 3, strides=2, padding="same", activation="relu", name=f"level{level}")(x)
    model = ks.models.UNet(num_classes=2, backbone=keras.Model(image, x), decoder_filters=(8, 8, 8))
    assert model.predict(noise(1, 20, 30, 3), verbose=0).shape == (1, 20, 30, 2)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"], indirect=True)
@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("backbone", [None, "Compact"])
def test_a_training_step(backbone):
    model = small(backbone=backbone)
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
    model.compile("adamw", loss=ks.losses.Crossentropy(ignore_class=255) + 0.5 * ks.losses.SoftIoU(ignore_class=255))
    labels = np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 32, 32))
    before = [w.copy() for w in model.get_weights()]
    loss = model.train_on_batch(noise(2, 32, 32, 3), labels)
    assert np.isfinite(loss)
    kernels = [(old, new) for old, new in zip(before, model.get_weights(), strict=True) if old.ndim == 4]
    assert all(np.isfinite(new).all() for _, new in kernels)
    assert sum(not np.array_equal(old, new) for old, new in kernels) == len(kernels)


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("backbone", [None, "Compact"])
def test_gates_are_exported_with_builtin_operators_and_saved(backbone, tmp_path):
    model = small(backbone=backbone, decoder_attention="gate")
    for size in ((37, 50), (None, None)):
        report = ks.export.tflite(model, tmp_path / "m.tflite", input_size=size, overwrite=True)
        assert report.max_abs_difference < 1e-4
        assert not any(operator.upper().startswith(("FLEX", "CUSTOM")) for operator in report.ops)
    assert np.isfinite(ks.analysis.receptive_field(model).size)  # Gates are local, so that tiles can be exact.
    model.save(tmp_path / "m.keras")
    image = noise(1, 37, 50, 3)
    again = keras.saving.load_model(tmp_path / "m.keras").predict(image, verbose=0)
    np.testing.assert_allclose(again, model.predict(image, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_it_learns():
    """Bright or dark, a task that any working net solves in a few steps."""
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, size=(8, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
    images = (masks[..., None] * 150 + rng.uniform(0, 100, size=(8, 16, 16, 3))).astype("float32")
    model = ks.models.UNet(num_classes=2, filters=8, depth=2)
    model.compile(
        keras.optimizers.Adam(3e-3), loss=ks.losses.Crossentropy(), metrics=[ks.metrics.MeanIoU(num_classes=2)]
    )
    model.fit(images, masks, batch_size=8, epochs=60, verbose=0)
    assert model.evaluate(images, masks, verbose=0, return_dict=True)["mean_iou"] > 0.9


@pytest.mark.slow_off_tensorflow
def test_frozen_backbone_does_not_move_and_unfreezing_lets_it():
    model = ks.models.UNet(num_classes=3, backbone="Compact", backbone_trainable=False)
    model.compile("adam", loss=ks.losses.Crossentropy())
    batch = noise(2, 32, 32, 3), np.random.default_rng(1).integers(0, 3, size=(2, 32, 32))

    def step():
        before = [w.copy() for w in model.get_layer("backbone").get_weights()]
        model.fit(*batch, epochs=1, verbose=0)
        after = model.get_layer("backbone").get_weights()
        return [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]

    assert not any(step())
    optimizer = model.optimizer
    ks.models.unfreeze(model)
    assert model.optimizer is optimizer
    moved = step()
    assert sum(moved) > 0.9 * len(moved)


@pytest.mark.slow_off_tensorflow
def test_frozen_layers_stay_frozen_after_loading(tmp_path):
    """Also what they hold inside: weights and statistics of the normalization in `UpsampleConv`."""
    model = small(depth=1)
    for layer in model.layers:
        layer.trainable = layer.name == "logits"
    assert len(model.trainable_variables) == 2
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for found in (again, keras.models.clone_model(model)):
        assert len(found.trainable_variables) == 2
    before = {weight.path: np.array(ops.convert_to_numpy(weight)) for weight in again.weights}
    again.compile("adam", loss=ks.losses.Crossentropy())
    again.fit(noise(2, 8, 8, 3), np.random.default_rng(1).integers(0, 3, size=(2, 8, 8)), verbose=0)
    moved = {
        weight.path for weight in again.weights if not np.array_equal(ops.convert_to_numpy(weight), before[weight.path])
    }
    assert moved == {"logits/kernel", "logits/bias"}


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_a_fresh_process_loads_without_custom_objects(tmp_path):
    model = small(backbone="Compact")
    model.compile("adamw", loss=ks.losses.Crossentropy(ignore_class=3) + 0.5 * ks.losses.SoftIoU(ignore_class=3))
    image = noise(1, 20, 30, 3)
    np.save(tmp_path / "image.npy", image)
    model.save(tmp_path / "model.keras")
    code = (
        "import keras, keras_seg, numpy as np; m = keras.saving.load_model('model.keras');"
        "np.save('scores.npy', m.predict(np.load('image.npy'), verbose=0)); print(m.loss.get_config())"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), model.predict(image, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"num_classes": 0}, "`num_classes` must be an integer of at least 1"),
        ({"num_classes": 1}, "Pass num_classes=2, or activation='sigmoid'"),
        ({"depth": 0}, "`depth` must be an integer of at least 1"),
        ({"filters": (4, 8), "depth": 3}, "`depth` must be one less than the 2 filters"),
        ({"filters": (4,), "depth": None}, "`filters` must have at least two levels"),
        ({"backbone": "MobilNetV2"}, "MobileNetV2"),
        ({"weights": "imagenet"}, "`weights` must be None for the plain U-Net"),
        ({"decoder_stride": 3}, "`decoder_stride` must be a power of two below the encoder's stride 4"),
        ({"decoder_stride": 4}, "`decoder_stride` must be a power of two below the encoder's stride 4"),
        ({"decoder_filters": (8,)}, "`decoder_filters` must have 2 entries"),
        ({"dropout": 1.0}, "`dropout` must be a finite number in"),
        ({"backbone": "Compact", "weights": "nowhere.h5"}, "nowhere.h5"),
        ({"backbone": "Compact", "filters": 7}, "`filters` must be None with a backbone"),
        ({"backbone": "Compact", "depth": 99}, "`depth` must be None with a backbone"),
        ({"backbone_trainable": False}, "`backbone_trainable` must be True for the plain U-Net"),
        ({"backbone_trainable": None}, "`backbone_trainable` must be True or False"),
        ({"include_preprocessing": "tf"}, "`include_preprocessing` must be True or False"),
        ({"padding": "valid"}, '`padding` must be "same" in this U-Net.*Use keras_seg.models.UNet2015'),
        ({"padding": "full"}, "`padding` is not a known option"),
        ({"depth": 1, "decoder_attention": "gate"}, "`decoder_attention` has no effect without a skip coarser"),
        ({"backbone": "Compact", "decoder_stride": 16, "decoder_attention": "gates"}, "Did you mean 'gate'"),
        ({"interpolation": "nonsense"}, "`interpolation` is not a known option"),
        ({"normalization": "nonsense"}, "`normalization` is not a known option"),
        ({"pad_to_stride": "yes"}, "`pad_to_stride` must be True or False"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        small(**kwargs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("normalization", ["batch", "group", "layer", None])
def test_the_normalization_is_that_of_every_convolution(normalization):
    """Those of the encoder, of `UpsampleConv`, and those that follow it; without one, convolutions have a bias."""
    model = small(normalization=normalization)
    found = [layer for layer in model.layers if layer.name.endswith("_norm")]
    expected = {"batch": "BatchNormalization", "group": "GroupNormalization", "layer": "LayerNormalization"}
    assert {type(layer).__name__ for layer in found} == ({expected[normalization]} if normalization else set())
    assert len(found) == (6 + 2 if normalization else 0)
    assert all(layer.use_bias == (normalization is None) for layer in model.layers if layer.name.endswith("_conv"))
    ups = [model.get_layer(f"decoder{stage}_up") for stage in (1, 2)]
    assert all(type(up.normalize).__name__ == expected.get(normalization, "NoneType") for up in ups)


def test_a_decoder_on_a_backbone_has_its_normalization_too():
    model = small(backbone="Compact", normalization="group")
    kinds = {type(layer).__name__ for layer in model.layers if layer.name.endswith("_norm")}
    assert kinds == {"GroupNormalization"}
    inside = {type(layer).__name__ for layer in model.get_layer("backbone").layers if layer.name.endswith("_norm")}
    assert inside == {"BatchNormalization"}


def test_models_by_name():
    assert ks.models.build("UNet", num_classes=3, filters=4, depth=2).count_params() == small().count_params()
    with pytest.raises(_validation.InputError, match="Did you mean 'UNet'"):
        ks.models.build("Unet", num_classes=3)
    with pytest.raises(_validation.InputError, match="`filter` is not an argument of UNet. Did you mean 'filters'"):
        ks.models.build("UNet", num_classes=3, filter=4)
