"""What the decoders on any backbone must all do, and what is particular to each."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation

SMALL = {
    "FPN": {"pyramid_filters": 8, "segmentation_filters": 8},
    "LinkNet": {"final_filters": 8},
    "PSPNet": {"filters": 8},
    "DeepLabV3Plus": {"aspp_filters": 8, "low_level_filters": 4},
    "SegFormer": {"filters": 8},
    "DeepLabV3": {"aspp_filters": 8},
    "FCN": {},
    "LRASPP": {"filters": 8},
    "UPerNet": {"filters": 8},
    "UNetPlusPlus": {"decoder_filters": (8, 8, 8, 8, 8)},
    "MAnet": {"decoder_filters": (8, 8, 8, 8, 8), "attention_filters": 8},
    "PAN": {"filters": 8},
    "DPT": {"stage_filters": (8, 8, 8, 8), "filters": 8},
}
NAMES = list(SMALL)
# Whose exports and backbones test_originals.py and test_dpt.py have too.
LATER = ("FCN", "DeepLabV3", "LRASPP", "UNetPlusPlus", "UPerNet", "MAnet", "PAN", "DPT")
FIRST_ONES = [pytest.param(name, marks=pytest.mark.slow if name in LATER else ()) for name in NAMES]
ONE_IN_QUICK = [
    NAMES[0],
    *(pytest.param(name, marks=pytest.mark.slow if name in LATER else pytest.mark.thorough) for name in NAMES[1:]),
]


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def small(name, **kwargs):
    return ks.models.build(name, **{"num_classes": 3, "backbone": "Compact", **SMALL[name], **kwargs})


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", ONE_IN_QUICK)
def test_any_size_at_a_dynamic_shape(name):
    model = small(name)
    assert model.output_shape == (None, None, None, 3)
    for size in ((32, 64), (70, 45), (1, 1)):
        scores = model.predict(noise(2, *size, 3), verbose=0)
        assert scores.shape == (2, *size, 3)
        np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_static_and_dynamic_shapes_agree(name):
    dynamic, static = small(name), small(name, input_shape=(70, 45, 3))
    static.set_weights(dynamic.get_weights())
    image = noise(1, 70, 45, 3)
    np.testing.assert_allclose(
        static.predict(image, verbose=0), dynamic.predict(image, verbose=0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("policy")
def test_a_training_step_moves_every_kernel(name):
    model = small(name)
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
    model.compile("adamw", loss=ks.losses.Crossentropy(ignore_class=255))
    labels = np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 64, 64))
    before = {w.path: np.array(keras.ops.convert_to_numpy(w)) for w in model.trainable_variables}
    assert np.isfinite(model.train_on_batch(noise(2, 64, 64, 3), labels))
    after = {w.path: np.array(keras.ops.convert_to_numpy(w)) for w in model.trainable_variables}
    assert all(np.isfinite(w).all() for w in after.values())
    still = [path for path in before if before[path].ndim == 4 and np.array_equal(before[path], after[path])]
    assert still == []


@pytest.mark.parametrize("name, layer", [("PSPNet", "pyramid1"), ("DeepLabV3Plus", "aspp_image")])
def test_the_whole_image_is_not_normalized(name, layer):
    """One region of one image has no variance: divided by it, a net trained with batches of one would predict noise."""
    model = small(name)
    assert model.get_layer(f"{layer}_conv").use_bias
    assert f"{layer}_norm" not in {item.name for item in model.layers}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_learns(name):
    """Large bright and dark squares."""
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, size=(8, 2, 2)).repeat(32, axis=1).repeat(32, axis=2)
    images = (masks[..., None] * 150 + rng.uniform(0, 100, size=(8, 64, 64, 3))).astype("float32")
    model = small(name, num_classes=2)
    model.compile(
        keras.optimizers.Adam(3e-3), loss=ks.losses.Crossentropy(), metrics=[ks.metrics.MeanIoU(num_classes=2)]
    )
    model.fit(images, masks, batch_size=4, epochs=30, verbose=0)
    assert model.evaluate(images, masks, verbose=0, return_dict=True)["mean_iou"] > 0.8


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", ONE_IN_QUICK)
def test_saves_and_reloads(name, tmp_path):
    model = small(name)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    image = noise(1, 40, 50, 3)
    np.testing.assert_allclose(
        reloaded.predict(image, verbose=0), model.predict(image, verbose=0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.thorough
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", FIRST_ONES)
def test_exports(name, tmp_path):
    model = small(name)
    assert ks.export.tflite(model, tmp_path / "m.tflite", input_size=(70, 90)).max_abs_difference < 1e-4
    assert ks.export.saved_model(model, tmp_path / "sm").max_abs_difference < 1e-4


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", FIRST_ONES)
@pytest.mark.parametrize("backbone", [pytest.param("ConvNeXtTiny", marks=pytest.mark.slow), "MobileNetV2"])
def test_other_backbones(name, backbone):
    """ConvNeXt has no map of stride 2."""
    model = small(name, backbone=backbone)
    assert model.predict(noise(1, 70, 45, 3), verbose=0).shape == (1, 70, 45, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backbone", ["VGG16", "ResNet50V2", "Xception", "EfficientNetV2B0", "DenseNet121"])
def test_more_backbones(name, backbone):
    model = small(name, backbone=backbone)
    assert model.predict(noise(1, 70, 45, 3), verbose=0).shape == (1, 70, 45, 3)


@pytest.mark.parametrize("name", NAMES)
def test_frozen_backbone_and_unfreezing(name):
    model = small(name, backbone_trainable=False)
    assert model.get_layer("backbone").trainable_variables == []
    ks.models.unfreeze(model)
    assert model.get_layer("backbone").trainable_variables != []


def test_parameters_of_fpn_by_hand():
    """Compact has 64, 96, 128 and 32 channels at strides 8, 16, 32 and 4; 8 filters everywhere, 3 classes.

    Laterals: (32 + 64 + 96 + 128) * 8 + 4 * 8 = 2592. Branch convolutions: 1 at stride 4, 1 at 8, 2 at 16, 3 at 32,
    each 9 * 8 * 8 + 4 * 8 = 608: 7 * 608 = 4256. Classes: 8 * 3 + 3 = 27.
    """
    model = small("FPN")
    assert model.count_params() - model.get_layer("backbone").count_params() == 2592 + 4256 + 27


def test_parameters_of_linknet_by_hand():
    """Stages from 128 channels to 96, 64, 32 and 16: c -> c/4 (1x1), 3x3, -> n (1x1), each with 4 a channel more.

    128: 128*32+128 + 9*32*32+128 + 32*96+384 = 17024; 96: 96*24+96 + 9*24*24+96 + 24*64+256 = 9472;
    64: 64*16+64 + 9*16*16+64 + 16*32+128 = 4096; 32: 32*8+32 + 9*8*8+32 + 8*16+64 = 1088;
    final: 9*16*8+32 + 9*8*8+32 = 1792; classes 8*3+3 = 27.
    """
    model = small("LinkNet")
    expected = 17024 + 9472 + 4096 + 1088 + 1792 + 27
    assert model.count_params() - model.get_layer("backbone").count_params() == expected


@pytest.mark.parametrize("name", ["PSPNet", "DeepLabV3Plus"])
@pytest.mark.parametrize("output_stride", [8, 16])
def test_the_backbone_is_dilated_from_the_output_stride_on(name, output_stride):
    """Every row and column of its old deepest map is among the new one's, computed by the same weights."""
    plain, dilated = small(name, output_stride=32), small(name, output_stride=output_stride)
    dilated.set_weights(plain.get_weights())
    image = noise(1, 64, 96, 3)
    coarse, fine = (keras.tree.map_structure(keras.ops.convert_to_numpy, m.get_layer("backbone")(image))
                    for m in (plain, dilated))  # fmt: skip
    level = f"P{output_stride.bit_length() - 1}"
    assert list(fine) == [f"P{n}" for n in range(1, int(level[1]) + 1)]
    assert fine[level].shape[1:3] == (64 // output_stride, 96 // output_stride)
    step = 32 // output_stride
    np.testing.assert_allclose(fine[level][:, ::step, ::step], coarse["P5"], rtol=1e-3, atol=1e-4)
    for finer in list(fine)[:-1]:
        np.testing.assert_allclose(fine[finer], coarse[finer], rtol=1e-3, atol=1e-4)


def test_a_dilated_backbone_stays_frozen():
    model = small("PSPNet", output_stride=8, backbone_trainable=False)
    assert model.get_layer("backbone").trainable_variables == []
    assert any(layer.__class__.__name__ == "BatchNormalization" for layer in model.get_layer("backbone").layers)
    ks.models.unfreeze(model)
    assert len(model.get_layer("backbone").trainable_variables) == len(
        small("PSPNet").get_layer("backbone").trainable_variables
    )


def test_pspnet_sees_the_whole_image():
    """A change in one corner changes the logits in the other: through the pooled regions alone, at this distance."""
    model = small("PSPNet", output_stride=8, activation=None)
    image = noise(1, 256, 256, 3)
    changed = image.copy()
    changed[:, :64, :64] = 0
    difference = np.abs(model.predict(image, verbose=0) - model.predict(changed, verbose=0))
    assert difference[0, -16:, -16:].max() > 1e-5


def test_rates_of_deeplab_keep_their_reach():
    def rates(**kwargs):
        model = small("DeepLabV3Plus", **kwargs)
        return [model.get_layer(f"aspp_rate{index}_conv").dilation_rate[0] for index in (1, 2, 3)]

    assert rates() == [6, 12, 18]
    assert rates(output_stride=8) == [12, 24, 36]
    assert rates(output_stride=32) == [3, 6, 9]
    assert rates(rates=(2, 3, 4)) == [2, 3, 4]


@pytest.mark.parametrize(
    "name, kwargs, message",
    [
        *[(name, {"num_classes": 0}, "`num_classes` must be an integer of at least 1") for name in NAMES],
        *[(name, {"backbone": "MobilNetV2"}, "MobileNetV2") for name in NAMES],
        ("FPN", {"pyramid_filters": 0}, "`pyramid_filters` must be an integer of at least 1"),
        ("FPN", {"dropout": 1.0}, "`dropout` must be a finite number in"),
        ("LinkNet", {"final_filters": 0}, "`final_filters` must be an integer of at least 1"),
        ("PSPNet", {"output_stride": 5}, "`output_stride` must be a stride of the backbone's maps, 2, 4, 8, 16, 32"),
        ("PSPNet", {"bins": ()}, "`bins` must be a non-empty sequence"),
        ("PSPNet", {"bins": (1, 1)}, "`bins` must not repeat a number"),
        ("PSPNet", {"output_stride": "8"}, "`output_stride` must be an integer"),
        ("DeepLabV3", {"rates": (0,)}, "`rates` must be an integer of at least 1"),
        ("DeepLabV3", {"dilate_strided": 1}, "`dilate_strided` must be True or False"),
        ("DeepLabV3", {"dilate_strided": True, "output_stride": 32}, "`dilate_strided` has no effect"),
        (
            "LRASPP",
            {"output_stride": 8},
            "`output_stride` must be .* deeper than the early one, of stride 8",
        ),
        ("LRASPP", {"output_stride": 64}, "`output_stride` must be a stride of the backbone's maps"),
        ("MAnet", {"attention_filters": 0}, "`attention_filters` must be an integer of at least 1"),
        ("MAnet", {"input_shape": (2**17, 2**17, 3)}, r"`inputs` must leave attention .* takes 2,097,152.0 GiB here"),
        ("PAN", {"output_stride": 8}, "`output_stride` must be the deepest stride of the backbone, 32, or half of it"),
        ("UNetPlusPlus", {"decoder_attention": "sce"}, "`decoder_attention` is not .*Did you mean 'scse'"),
        ("UNetPlusPlus", {"decoder_attention": "gate"}, "must be 'scse' or None here: a gate weighs one skip.*UNet"),
        ("UNetPlusPlus", {"decoder_stride": 3}, "`decoder_stride` must be a power of two below"),
        ("UNetPlusPlus", {"decoder_filters": (8, 8)}, "`decoder_filters` must have 5 entries"),
        ("DeepLabV3Plus", {"rates": (0,)}, "`rates` must be an integer of at least 1"),
        ("DeepLabV3Plus", {"output_stride": 4}, "`output_stride` must be that of a map deeper"),
        ("DeepLabV3Plus", {"output_stride": 64}, "`output_stride` must be a stride of the backbone's maps"),
    ],
)
def test_bad_arguments(name, kwargs, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        small(name, **kwargs)
    assert "\n" not in str(caught.value)


def compressing(*strides):
    x = image = keras.Input((None, None, 3))
    for stride in strides:
        x = keras.layers.Conv2D(4, 3, strides=stride, padding="same", activation="relu")(x)
    return keras.Model(image, x)


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name, backbone, message",
    [
        *[(name, compressing(1), "`backbone` has no feature map of stride 2") for name in ("UNet", *NAMES)],
        *[(name, Subclassed(), "`backbone` must be a functional keras.Model") for name in ("UNet", *NAMES)],
        ("UNet", compressing(4), "`backbone` must have maps of at least two strides.*stride 4"),
        ("LinkNet", compressing(32), "`backbone` must have maps of at least two strides.*stride 32"),
        ("UNetPlusPlus", compressing(2, 4, 2), "`backbone` must have a map at every stride .*none at 4.*Use UNet"),
        ("LRASPP", compressing(2, 2, 2), "`output_stride` must be a stride of the backbone's maps, 2, 4, 8"),
        ("FPN", compressing(2, 2), "`backbone` must have maps of at least two strides.*stride 4"),
        ("PSPNet", compressing(2, 2), "`output_stride` must be a stride of the backbone's maps, 2, 4.*of stride 8"),
        ("DeepLabV3Plus", compressing(2, 2, 2), "`output_stride` must be a stride of the backbone's maps, 2, 4, 8"),
    ],
)
def test_backbones_without_the_strides_needed(name, backbone, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        ks.models.build(name, num_classes=3, backbone=backbone)
    assert "\n" not in str(caught.value)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", ["UNet", *NAMES])
def test_freezing_is_yes_or_no(name):
    with pytest.raises(_validation.InputError, match="`backbone_trainable` must be True or False"):
        ks.models.build(name, num_classes=3, backbone="Compact", backbone_trainable="no")
