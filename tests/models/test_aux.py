"""Models with heads for training: their outputs, training on them, and removing them."""

import keras
import numpy as np
import pytest

import keras_seg as ks

ON_BACKBONE = {"backbone": "Compact"}
# model: (its arguments, its outputs beside the main one)
NETS = {
    "PSPNet": ({**ON_BACKBONE, "filters": 8}, ["aux"]),
    "FCN": (ON_BACKBONE, ["aux"]),
    "UPerNet": ({**ON_BACKBONE, "filters": 8}, ["aux"]),
    "DeepLabV3": ({**ON_BACKBONE, "aspp_filters": 8}, ["aux"]),
    "UNetPlusPlus": ({**ON_BACKBONE, "decoder_filters": (8, 8, 8, 8, 8)}, ["aux1", "aux2", "aux3"]),
    "FastSCNN": ({}, ["aux"]),
    "BiSeNetV2": ({}, ["aux2", "aux3", "aux4", "aux5"]),
    "DDRNet": ({}, ["aux"]),
    "PIDNet": ({}, ["aux", "aux_border"]),
}
QUICK = ("FCN",)
ALL = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETS]


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def small(name, **arguments):
    return ks.models.build(name, **{"num_classes": 3, "aux": True, **NETS[name][0], **arguments})


def as_arrays(outputs):
    return {name: keras.ops.convert_to_numpy(map) for name, map in outputs.items()}


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", ALL)
def test_outputs_by_name_and_without_the_heads(name, tmp_path):
    model, plain = small(name), small(name, aux=False)
    bare = ks.models.without_aux(model)
    assert bare.count_params() == plain.count_params() < model.count_params()
    assert bare.name == model.name and bare.output_shape == (None, None, None, 3)
    image = noise(2, 70, 45, 3)
    outputs = as_arrays(model(image))
    assert sorted(outputs) == sorted(["main", *NETS[name][1]])
    for key, map in outputs.items():
        assert map.shape == (2, 70, 45, 1 if key == "aux_border" else 3) and map.dtype == np.float32
        assert map.min() >= 0 and map.max() <= 1
        if key != "aux_border":
            np.testing.assert_allclose(map.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(bare(image)), outputs["main"], rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for key, map in as_arrays(again(image)).items():
        np.testing.assert_allclose(map, outputs[key], rtol=1e-5, atol=1e-6)
    assert ks.models.without_aux(again).count_params() == plain.count_params()


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_a_training_step_moves_every_kernel(name, steps):
    model = small(name)
    masks = np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 64, 64)).astype("int32")
    targets = dict.fromkeys(model.output, masks)
    losses = {key: ks.losses.Crossentropy(ignore_class=255) for key in model.output}
    if "aux_border" in targets:
        targets["aux_border"] = np.stack([ks.data.boundary_targets(mask, ignore_class=255) for mask in masks])
    shares = {key: 1.0 if key == "main" else 0.4 for key in model.output}
    model.compile("adamw", loss=losses, loss_weights=shares, jit_compile=False)  # Compiling takes minutes.
    before = {weight.path: np.array(keras.ops.convert_to_numpy(weight)) for weight in model.trainable_variables}
    for _ in range(steps):
        assert np.isfinite(model.train_on_batch(noise(2, 64, 64, 3), targets)).all()
    for weight in model.trainable_variables:
        new, old = np.array(keras.ops.convert_to_numpy(weight)), before[weight.path]
        assert np.isfinite(new).all()
        assert old.ndim < 4 or not np.array_equal(new, old), weight.path


@pytest.mark.tensorflow_only
@pytest.mark.slow
@pytest.mark.parametrize(
    "name, backbone, num_classes, expected",
    [
        ("UPerNet", "ConvNeXtTiny", 150, 60_242_636 - 59_318_838),  # of transformers and mmsegmentation
        ("UPerNet", "ResNet50Torchvision", 150, 66_496_876 - 64_098_518),
        ("PSPNet", "ResNet50Torchvision", 21, 42_004_074 - 39_638_869),  # the head of torchvision's
        ("UNetPlusPlus", "ResNet34", 21, 3 * (64 + 1) * 21),  # 1x1 convolutions on 64 channels of three nodes
    ],
)
def test_parameters_of_the_heads(name, backbone, num_classes, expected):
    model = ks.models.build(name, num_classes=num_classes, backbone=backbone, aux=True)
    heads = [layer for layer in model.layers if layer.name.startswith("aux")]
    assert sum(int(np.prod(weight.shape)) for layer in heads for weight in layer.trainable_weights) == expected


@pytest.mark.tensorflow_only
def test_other_functions_name_the_one_that_removes_the_heads(tmp_path):
    model = small("FCN")
    for use in (
        lambda: ks.inference.predict_classes(model, noise(1, 32, 32, 3)),
        lambda: ks.export.tflite(model, tmp_path / "m.tflite"),
        lambda: ks.inference.TestTimeAugmentation(model),
        lambda: ks.models.load_pretrained(model, num_classes=5),
    ):
        with pytest.raises(ks.InputError, match=r"keras_seg.models.without_aux\(model\)") as caught:
            use()
        assert "\n" not in str(caught.value)


@pytest.mark.tensorflow_only
def test_models_without_heads_for_training():
    plain = small("FCN", aux=False)
    assert ks.models.without_aux(plain) is plain
    image = keras.Input((None, None, 3))
    one, two = (keras.layers.Conv2D(2, 1)(image) for _ in range(2))
    for outputs in ([one, two], {"edge": one, "classes": two}):
        with pytest.raises(
            ks.InputError, match='`model` must have an output "main" beside its auxiliary ones'
        ) as caught:
            ks.models.without_aux(keras.Model(image, outputs))
        assert "\n" not in str(caught.value)
    with pytest.raises(ks.InputError, match="functional"):
        ks.models.without_aux("model.keras")


@pytest.mark.tensorflow_only
def test_a_frozen_backbone_stays_frozen():
    model = small("PSPNet", backbone_trainable=False)
    assert model.get_layer("backbone").trainable_variables == []
    assert any(layer.name == "aux_conv" and layer.trainable_variables for layer in model.layers)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("output_stride", [8, *(pytest.param(stride, marks=pytest.mark.slow) for stride in (16, 32))])
def test_the_head_reads_the_map_before_the_deepest(output_stride):
    """Of every output stride the same one, with the same weights: Compact's fourth stage."""
    model = small("FCN", output_stride=output_stride)
    found = model.get_layer("backbone").output["aux"]
    plain = small("FCN", output_stride=32, aux=False).get_layer("backbone").output["P4"]
    assert found.shape[-1] == plain.shape[-1]
    assert model.get_layer("aux_conv").filters == found.shape[-1] // 4


@pytest.mark.tensorflow_only
def test_backbones_that_have_no_map_for_it():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, padding="same", activation="relu")(image)
    deeper = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    with pytest.raises(ks.InputError, match="`aux` must be False for a backbone with one map"):
        small("FCN", backbone=keras.Model(image, x), output_stride=4)
    with pytest.raises(ks.InputError, match="`aux` must be False where one decoder joins one skip"):
        small("UNetPlusPlus", backbone=keras.Model(image, deeper), decoder_filters=None)
    for name in NETS:
        with pytest.raises(ks.InputError, match="`aux` must be True or False"):
            small(name, aux="yes")
