"""A receptive field drawn over an image."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation

pytestmark = pytest.mark.tensorflow_only

RED = (230, 40, 40)


def field_of(*steps):
    return ks.analysis.receptive_field(keras.Sequential([keras.Input((None, None, 3)), *steps]))


def red(picture):
    return np.argwhere((np.asarray(picture) == RED).all(-1))


def test_the_box_stands_where_the_field_is():
    """9x9 at stride 4: the unit (2, 3) reads rows 8 to 16 and columns 12 to 20."""
    field = field_of(keras.layers.Conv2D(1, 9, strides=4))
    picture = ks.analysis.draw_receptive_field(np.zeros((40, 50, 3)), field, unit=(2, 3))
    assert picture.size == (50, 40)
    places = red(picture)
    assert places.min(0).tolist() == [8, 12] and places.max(0).tolist() == [16, 20]


def test_padding_is_drawn_beside_the_image():
    field = field_of(keras.layers.Conv2D(1, 9, padding="same"))
    picture = np.asarray(ks.analysis.draw_receptive_field(np.zeros((20, 30, 1)), field, unit=(0, 29)))
    assert picture.shape == (24, 34, 3)  # Four pixels above, four to the right.
    assert picture[0, 0].tolist() == [200, 200, 200] and picture[10, 10].tolist() == [0, 0, 0]


def test_the_middle_unit_is_the_default():
    field = field_of(keras.layers.Conv2D(1, 5, padding="same"))
    places = red(ks.analysis.draw_receptive_field(np.zeros((41, 41, 3)), field, scale=3))
    center = (places.min(0) + places.max(0)) / 2
    np.testing.assert_allclose(center, (41 * 3 - 1) / 2, atol=1)


def test_bad_arguments():
    field = field_of(keras.layers.Conv2D(1, 3))
    with pytest.raises(_validation.InputError, match="`image` must be an array"):
        ks.analysis.draw_receptive_field(np.zeros((8, 8)), field)
    with pytest.raises(_validation.InputError, match="`scale` must be an integer"):
        ks.analysis.draw_receptive_field(np.zeros((8, 8, 3)), field, scale=0)
    everything = field_of(keras.layers.Conv2D(1, 3), keras.layers.GlobalAveragePooling2D())
    with pytest.raises(_validation.InputError, match="`field` must be smaller than the whole image"):
        ks.analysis.draw_receptive_field(np.zeros((8, 8, 3)), everything)
