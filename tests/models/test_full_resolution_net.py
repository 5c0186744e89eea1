"""The network that never compresses: parameters, sizes, and how little it sees."""

import keras
import numpy as np
import pytest
from gradients import gradient

import keras_seg as ks
from keras_seg import _validation


def small(**kwargs):
    return ks.models.FullResolutionNet(**{"num_classes": 3, "depth": 3, "filters": 4, **kwargs})


def test_parameters_by_hand():
    """9*3*4 + 9*4*4 + 9*4*4 = 396, three normalizations of 16, logits 4*3 + 3."""
    assert small().count_params() == 396 + 48 + 15


def test_every_pixel_at_any_size():
    for size in ((17, 9), (1, 2)):
        scores = small().predict(np.zeros((1, *size, 3)), verbose=0)
        assert scores.shape == (1, *size, 3)
        np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


def test_a_pixel_depends_on_1_plus_2_l_pixels():
    """Three convolutions: 7x7, by the graph and by the gradient."""
    model = small(activation=None, include_preprocessing=False)
    field = ks.analysis.receptive_field(model)
    assert (field.size, field.stride, field.padding) == (7, 1, 3)
    image = np.random.default_rng(0).normal(size=(1, 15, 15, 3))
    support = np.abs(gradient(lambda x: keras.ops.sum(model(x)[:, 7, 8] ** 2), image)).max((0, 3))
    rows, columns = np.nonzero(support)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 10, 5, 11)


def test_bad_arguments():
    with pytest.raises(_validation.InputError, match="`depth` must be an integer of at least 1"):
        small(depth=0)
    with pytest.raises(_validation.InputError, match="`filters` must be an integer"):
        small(filters=2.5)
    with pytest.raises(_validation.InputError, match="Did you mean 'depth'"):
        ks.models.build("FullResolutionNet", num_classes=3, deph=3)
