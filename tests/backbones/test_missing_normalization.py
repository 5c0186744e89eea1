"""Networks of keras.applications given as objects: a warning where nothing normalizes the image."""

import functools
import warnings

import keras
import pytest

import keras_seg as ks
from keras_seg.backbones import applications


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name, mode", [("MobileNetV2", "tf"), ("MobileNet", "tf"), ("ResNet50V2", "tf"), ("VGG16", "caffe")]
)
def test_networks_of_keras_that_nothing_normalizes(name, mode):
    make = functools.partial(getattr(keras.applications, name), weights=None, include_top=False)
    with pytest.warns(UserWarning, match=f'of keras.applications expects .*: pass include_preprocessing="{mode}"; F'):
        ks.backbones.build(make())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for given in (mode, False):
            ks.backbones.build(make(), include_preprocessing=given)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV3Small", "ConvNeXtTiny"])
def test_networks_of_keras_that_normalize(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ks.backbones.build(getattr(keras.applications, name)(weights=None, include_top=False))


@pytest.mark.parametrize("name", ["ResNet50", "ResNet50V2", "DenseNet121", "EfficientNetV2B0", "InceptionV3"])
def test_networks_of_keras_are_told_by_their_names(name):
    made = applications.published_network(name)
    assert applications.mode_of(made) == applications.preprocessing_mode(name)
