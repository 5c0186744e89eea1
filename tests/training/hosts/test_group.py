"""A process alone is a group of one."""

import numpy as np
import pytest

import keras_seg as ks
from keras_seg.training.hosts.group import Group

pytestmark = pytest.mark.tensorflow_only


def test_alone_nothing_is_exchanged():
    group = Group.current()
    assert (group.process, group.count, group.devices, group.first) == (0, 1, 1, True)
    values = np.arange(6).reshape(2, 3)
    [found] = group.gathered(values)
    assert found is values
    assert group.agreed(0.1) == 0.1
    group.leave()


def test_alone_the_model_itself_predicts():
    model = ks.models.UNet(num_classes=2, filters=2, depth=1)
    with Group().local(model) as local:
        assert local is model


def test_several_devices_predict_with_one_copy_that_follows_the_weights():
    group = Group(devices=2)
    model = ks.models.UNet(num_classes=2, filters=2, depth=1)
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype("float32")
    with group.local(model) as first:
        assert first is not model
        np.testing.assert_array_equal(first(image), model(image))
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    with group.local(model) as second:
        assert second is first
        np.testing.assert_array_equal(second(image), model(image))
