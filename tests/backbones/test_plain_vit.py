"""Plain vision transformers of keras-hub: the maps they have there, as a pyramid, in every decoder."""

import math

import keras
import numpy as np
import pytest

import keras_seg as ks

hub = pytest.importorskip("keras_hub")
IMAGE = np.random.default_rng(0).uniform(-1, 1, size=(1, 64, 64, 3)).astype("float32")
SHAPE = {"num_layers": 4, "hidden_dim": 24, "num_heads": 2, "image_shape": (64, 64, 3)}


def vit(**arguments):
    return hub.models.ViTBackbone(**{**SHAPE, "patch_size": 16, "mlp_dim": 32, **arguments})


def dino2(**arguments):
    given = {"patch_size": 14, "intermediate_dim": 32, "num_register_tokens": 2, "image_shape": (56, 56, 3)}
    return hub.models.DINOV2Backbone(**{**SHAPE, "position_embedding_shape": (56, 56, 3), **given, **arguments})


def dino3(**arguments):
    return hub.models.DINOV3Backbone(**{**SHAPE, "patch_size": 16, "intermediate_dim": 32, **arguments})


KINDS = {"ViT": vit, "DINOv2": dino2, "DINOv3": dino3}
# (kind, tokens that belong to no patch)
LATER = (("DINOv2", 3), ("DINOv3", 5))


def made(kind, **arguments):
    """The transformer with weights that make every token count."""
    backbone = KINDS[kind](**arguments)
    rng = np.random.default_rng(1)
    for weight in backbone.weights:
        if "seed" not in weight.path:
            weight.assign(np.array(weight) + rng.normal(0, 0.2, weight.shape))
    return backbone


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def tokens_of(backbone, pixels, prefix):
    """The last tokens of the patches as a map, as keras-hub computes them."""
    inputs = pixels if not isinstance(backbone.input, dict) else dict.fromkeys(backbone.input, pixels)
    tokens = array(backbone(inputs))[:, prefix:]
    side = int(tokens.shape[1] ** 0.5)
    return tokens.reshape(1, side, side, -1)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("kind, prefix", [("ViT", 1), *(pytest.param(*case, marks=pytest.mark.slow) for case in LATER)])
def test_the_deepest_map_is_that_of_keras_hub(kind, prefix):
    """At the size it was made for. Patches of 14 pixels see the image resized to 14/16."""
    backbone = made(kind)
    pyramid = ks.backbones.build(backbone)
    assert {level: map.shape[-1] for level, map in pyramid.output.items()} == {f"P{n}": 24 for n in (2, 3, 4, 5)}
    seen = IMAGE if kind != "DINOv2" else array(keras.ops.image.resize(IMAGE, (56, 56)))
    expected = tokens_of(backbone, seen, prefix)
    assert expected.std() > 0.1
    pooled = expected.reshape(1, 2, 2, 2, 2, 24).max((2, 4))
    np.testing.assert_allclose(array(pyramid(IMAGE)["P5"]), pooled, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_earlier_maps_are_those_of_earlier_blocks():
    backbone = made("DINOv3", apply_layernorm=True)
    stages = keras.Model(backbone.inputs, [backbone.pyramid_outputs[f"stage{n}"] for n in (1, 2, 3)])
    maps = ks.backbones.build(backbone)(IMAGE)
    for level, factor, tokens in zip(("P2", "P3", "P4"), (4, 2, 1), stages({"pixel_values": IMAGE}), strict=True):
        map = array(tokens)[:, 5:].reshape(1, 4, 4, -1)
        expected = array(ks.layers.Resize2D(factor)(map)) if factor > 1 else map
        np.testing.assert_allclose(array(maps[level]), expected, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_other_sizes(kind):
    """Not square, and with learned positions resized: to constants where they are constant."""
    backbone = made(kind)
    pyramid = ks.backbones.build(backbone)
    maps = pyramid(np.zeros((2, 96, 32, 3), "float32"))
    assert {level: tuple(map.shape[1:3]) for level, map in maps.items()} == {
        "P2": (24, 8),
        "P3": (12, 4),
        "P4": (6, 2),
        "P5": (3, 1),
    }
    assert all(np.isfinite(array(map)).all() for map in maps.values())


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_sizes(kind):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has graphs of unknown size")
    import tensorflow as tf

    pyramid = ks.backbones.build(made(kind))
    run = tf.function(lambda x: pyramid(x), input_signature=[tf.TensorSpec((None, None, None, 3))])
    for pixels in (IMAGE, np.concatenate([IMAGE, IMAGE[:, :32]], axis=1)):
        for level, map in pyramid(pixels).items():
            np.testing.assert_allclose(run(pixels)[level].numpy(), array(map), atol=1e-4)


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_positions_at_another_size():
    pyramid = ks.backbones.build(made("ViT"))
    layer = pyramid.get_layer("transformer")
    layer.kernel.assign(keras.ops.zeros(layer.kernel.shape))
    fine = ks.layers.Resize2D(2, interpolation="bicubic")(layer.positions)
    larger = ks.backbones.build(made("ViT", image_shape=(128, 128, 3)))
    other = larger.get_layer("transformer")
    other.set_weights([w if w.shape == o.shape else fine for w, o in zip(layer.weights, other.weights, strict=True)])
    pixels = np.zeros((1, 128, 128, 3), "float32")
    np.testing.assert_allclose(array(pyramid(pixels)["P4"]), array(larger(pixels)["P4"]), atol=1e-4)


@pytest.mark.tensorflow_only
def test_sizes_that_the_patches_do_not_divide():
    """The backbone refuses them in one line; the models pad the image."""
    backbone = made("DINOv2")
    pyramid = ks.backbones.build(backbone)
    with pytest.raises(ks.InputError, match="multiples of 16, for whole patches.*70x45.*PadToStride") as caught:
        pyramid(np.zeros((1, 70, 45, 3), "float32"))
    assert "\n" not in str(caught.value)
    with pytest.raises(ks.InputError, match="must have sides that are multiples of 32"):
        ks.backbones.build(backbone, input_shape=(70, 45, 3))


DECODERS = (
    *("UNet", "UNetPlusPlus", "MAnet", "FPN", "LinkNet", "PSPNet", "DeepLabV3", "DeepLabV3Plus", "LRASPP", "PAN"),
    *("UPerNet", "SegFormer", "DPT"),
)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "PSPNet" else pytest.mark.slow) for name in DECODERS]
)
def test_every_decoder(name):
    """With the stride it prefers, as nothing needs to be dilated."""
    model = ks.models.build(name, num_classes=3, backbone=made("ViT"))
    scores = model(np.random.default_rng(0).uniform(-1, 1, (1, 70, 45, 3)))
    assert scores.shape == (1, 70, 45, 3)
    assert np.isfinite(array(scores)).all()


@pytest.mark.tensorflow_only
def test_distances_of_units():
    """Those of patches of 16 pixels, and of what is made of them, though each depends on the whole image."""
    pyramid = ks.backbones.build(made("ViT"))
    fields = [ks.analysis.receptive_field(pyramid, layer=name) for name in ("transformer", "map1_stride4")]
    assert [(field.stride, field.size) for field in fields] == [(16, math.inf), (4, math.inf)]


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_output_strides():
    model = ks.models.PSPNet(num_classes=3, backbone=made("ViT"), output_stride=8)
    assert {level: map.shape[-1] for level, map in model.get_layer("backbone").output.items()} == {"P2": 24, "P3": 24}
    assert model.get_layer("backbone")(IMAGE)["P3"].shape == (1, 8, 8, 24)
    with pytest.raises(ks.InputError, match="`dilate_strided` has no effect on a plain vision transformer"):
        ks.models.DeepLabV3(num_classes=3, backbone=made("ViT"), dilate_strided=True)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name", ["FCN", *(pytest.param(name, marks=pytest.mark.slow) for name in ("PSPNet", "DeepLabV3"))]
)
def test_auxiliary_heads(name):
    """On the map before the last, which is resized like the others."""
    backbone = vit()
    third = array(ks.backbones.build(backbone)(IMAGE)["P4"])
    for stride, size in ((8, 8), (16, 4), (32, 4)):
        model = ks.models.build(
            name, num_classes=3, backbone=backbone, output_stride=stride, aux=True, include_preprocessing=False
        )
        found = array(model.get_layer("backbone")(IMAGE)["aux"])
        assert found.shape == (1, size, size, 24)
        if size == 4:
            np.testing.assert_allclose(found, third, rtol=0, atol=1e-5)
        outputs = model(np.random.default_rng(0).uniform(-1, 1, (1, 70, 45, 3)))
        assert {key: map.shape for key, map in outputs.items()} == dict.fromkeys(("main", "aux"), (1, 70, 45, 3))
        assert ks.models.without_aux(model).output_shape == (None, None, None, 3)


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_frozen(kind, tmp_path):
    model = ks.models.DPT(3, backbone=made(kind), backbone_trainable=False, stage_filters=(4, 4, 4, 4), filters=4)
    assert model.get_layer("backbone").trainable_variables == []
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(again(IMAGE)), array(model(IMAGE)), atol=1e-5)
    assert again.get_layer("backbone").trainable_variables == []
    assert len(again.trainable_variables) == len(model.trainable_variables) > 0
    ks.models.unfreeze(model)
    assert model.get_layer("backbone").trainable_variables != []


def small_dpt(**arguments):
    narrow = {"stage_filters": (4, 4, 4, 4), "filters": 4, "include_preprocessing": False}
    return ks.models.DPT(3, backbone=vit(), **narrow, **arguments)


@pytest.mark.slow_off_tensorflow
def test_the_last_layer_stays_frozen_where_no_map_has_it(tmp_path):
    """DPT's maps are not normalized: after loading and unfreezing, as after building, all but these two are trained."""
    model = small_dpt()
    model.save(tmp_path / "model.keras")
    frozen = small_dpt(backbone_trainable=False)
    frozen.save(tmp_path / "frozen.keras")
    frozen_again = keras.saving.load_model(tmp_path / "frozen.keras")
    assert len(frozen_again.trainable_variables) == len(frozen.trainable_variables) > 0
    assert frozen_again.get_layer("backbone").trainable_variables == []
    for found in (model, keras.saving.load_model(tmp_path / "model.keras"), ks.models.unfreeze(frozen_again)):
        backbone = found.get_layer("backbone")
        last = backbone.get_layer("transformer").last
        fixed = {id(weight) for weight in backbone.weights} - {id(weight) for weight in backbone.trainable_weights}
        assert fixed == {id(weight) for weight in last.weights}
        assert len(fixed) == 2
        assert len(found.trainable_variables) == len(model.trainable_variables)


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_a_training_step():
    model = ks.models.FPN(num_classes=3, backbone=made("DINOv2"), pyramid_filters=8, segmentation_filters=8)
    before = [array(weight).copy() for weight in model.trainable_variables]
    model.compile("sgd", loss=ks.losses.Crossentropy())
    model.train_on_batch(IMAGE, np.random.default_rng(0).integers(0, 3, size=(1, 64, 64)))
    moved = {
        weight.path: not np.array_equal(array(weight), old)
        for weight, old in zip(model.trainable_variables, before, strict=True)
    }
    assert all(moved[path] for path in moved if path.endswith(("transformer/positions", "transformer/kernel")))
    assert any(moved[path] for path in moved if "layers_0" in path)


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_a_preset(tmp_path):
    """The weights of a folder, and the normalization of its image converter."""
    backbone = made("ViT")
    for folder in ("whole", "bare"):
        backbone.save_to_preset(tmp_path / folder)
    hub.layers.ViTImageConverter(image_size=(64, 64), scale=1 / 127.5, offset=-1.0).save_to_preset(tmp_path / "whole")
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    model = ks.backbones.build(f"hub:{tmp_path / 'whole'}")
    other = ks.backbones.build(backbone, include_preprocessing="tf")
    np.testing.assert_allclose(array(model(pixels)["P4"]), array(other(pixels)["P4"]), atol=1e-4)
    plain = ks.backbones.build(f"hub:{tmp_path / 'whole'}", include_preprocessing=False)
    np.testing.assert_allclose(array(plain(pixels / 127.5 - 1)["P4"]), array(other(pixels)["P4"]), atol=1e-4)
    bare = f"hub:{tmp_path / 'bare'}"
    with pytest.raises(ks.InputError, match="`include_preprocessing` must be given for a preset without"):
        ks.backbones.build(bare)
    assert ks.models.FPN(num_classes=3, backbone=bare, include_preprocessing="tf")(pixels).shape == (1, 64, 64, 3)
    with pytest.raises(ks.InputError, match="has no published file"):
        ks.backbones.build(bare, include_preprocessing="tf", weights="imagenet")


@pytest.mark.tensorflow_only
def test_presets_that_are_not_there(monkeypatch, tmp_path):
    with pytest.raises(ks.InputError, match="cannot load.*Did you mean 'hub:dinov2_small'") as caught:
        ks.backbones.build("hub:dinov2_smal")
    assert "\n" not in str(caught.value)
    monkeypatch.setitem(__import__("sys").modules, "keras_hub", None)
    with pytest.raises(ks.InputError, match="needs keras-hub.*pip install keras-hub"):
        ks.backbones.build("hub:dinov2_small")


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("kind", KINDS)
def test_exports_prove_themselves(kind, tmp_path):
    model = ks.models.DPT(3, backbone=made(kind), stage_filters=(4, 4, 4, 4), filters=4)
    for format_, file in (("tflite", "m.tflite"), ("onnx", "m.onnx"), ("openvino", "m.xml"), ("saved_model", "m")):
        report = getattr(ks.export, format_)(model, tmp_path / file, input_size=(96, 64))
        assert report.max_abs_difference < 1e-3
        assert format_ != "tflite" or not any(op.lower().startswith("flex") for op in report.ops)
