"""What every model says about arguments that all of them have, and about images that do not fit."""

import inspect

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation

pytestmark = pytest.mark.tensorflow_only

VGG = {"filters": (2, 2, 2, 2, 2)}
ON_BACKBONE = (
    "UNetPlusPlus",
    "MAnet",
    "PAN",
    "FPN",
    "FCN",
    "LinkNet",
    "PSPNet",
    "DeepLabV3",
    "DeepLabV3Plus",
    "LRASPP",
    "SegFormer",
    "UPerNet",
    "DPT",
)
SMALL = {
    "PatchClassifier": {},
    "FullResolutionNet": {"depth": 1, "filters": 2},
    **{name: {**VGG, "fc_filters": 2} for name in ("FCN32s", "FCN16s", "FCN8s", "DeconvNet", "DilatedFCN")},
    "SegNet": VGG,
    "SegNetBasic": {"filters": 2},
    **{name: {} for name in ("DDRNet", "PIDNet", "FastSCNN", "BiSeNetV2")},
    **{name: {"filters": 2, "depth": 1} for name in ("UNet", "UNet2015")},
    **{name: {"backbone": "Compact"} for name in ON_BACKBONE},
}


def small(name, **kwargs):
    return ks.models.build(name, **{"num_classes": 3, **SMALL[name], **kwargs})


def test_every_model_is_listed():
    assert sorted(SMALL) == sorted(ks.models.names())


def test_a_mode_of_preprocessing_is_in_the_type_where_it_is_taken():
    """Models without a backbone refuse a text."""
    for name in SMALL:
        parameters = inspect.signature(getattr(ks.models, name)).parameters
        assert ("str" in str(parameters["include_preprocessing"].annotation)) == ("backbone" in parameters), name


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"num_classes": 1}, "`num_classes` must be at least 2"),
        ({"activation": "sofmax"}, "`activation` is not a known option.*Did you mean 'softmax'"),
        ({"actvation": None}, "`actvation` is not an argument of .*Did you mean 'activation'"),
        ({"input_shape": (64, 64)}, "`input_shape` must be .height, width, channels."),
        ({"input_shape": 64}, "`input_shape` must be .height, width, channels."),
        ({"input_shape": (None, None, None)}, "`input_shape` must be .height, width, channels."),
        ({"input_shape": (0, 64, 3)}, "`input_shape` must be an integer of at least 1"),
        ({"include_preprocessing": "yes"}, "`include_preprocessing`"),
    ],
)
def test_common_arguments(name, kwargs, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        small(name, **kwargs)
    assert "\n" not in str(caught.value)


def test_num_classes_is_asked_for():
    with pytest.raises(_validation.InputError, match="`num_classes` is missing"):
        ks.models.build("UNet")


def test_every_argument_of_a_model_is_taken_by_build():
    assert ks.models.build("UNet", num_classes=3, **SMALL["UNet"], name="streets").name == "streets"


def test_models_want_channels_last():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(_validation.InputError, match="`image_data_format` must be channels_last"):
            small("UNet")
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(8, 8, 3), (1, 8, 8, 4)])
def test_images_that_do_not_fit(channels, shape):
    """Keras itself would let both through where one channel is wanted, and the first where three are."""
    model = small("UNet", input_shape=(None, None, channels))
    for use in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ValueError, match="'image' of layer 'unet'.*expected") as caught:
            use(np.zeros(shape, "float32"))
        assert "\n" not in str(caught.value)
