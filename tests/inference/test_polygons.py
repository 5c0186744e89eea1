"""Outlines against an independent polygon filler: areas, and the pixels inside of the rings."""

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from scipy import ndimage

from keras_seg import _validation
from keras_seg.inference import Polygon, polygons

pytestmark = pytest.mark.tensorflow_only


def filled(rings, shape):
    """The pixels whose centers have an odd number of ring sides to their left: the even-odd rule."""
    inside = np.zeros(shape, bool)
    for ring in rings:
        for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if x == next_x:
                top, bottom = sorted((y, next_y))
                inside[top:bottom, x:] ^= True
    return inside


def area(ring):
    x, y = np.asarray(ring).T
    return (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2


@hypothesis.given(
    hypothesis.extra.numpy.arrays(np.uint8, hypothesis.extra.numpy.array_shapes(min_dims=2, max_dims=2, max_side=9),
                                  elements=hypothesis.strategies.integers(0, 3))
)  # fmt: skip
@hypothesis.settings(deadline=None, max_examples=150)
def test_rings_hold_exactly_the_pixels_of_their_regions(labels):
    found = polygons(labels)
    again = np.zeros(labels.shape, int)
    for polygon in found:
        inside = filled(polygon.rings, labels.shape)
        assert inside.sum() == polygon.pixels == sum(map(area, polygon.rings))
        assert ndimage.label(inside)[1] == 1
        assert (labels[inside] == polygon.label).all()
        assert all(len({*map(tuple, ring.tolist())}) == len(ring) for ring in polygon.rings)
        assert area(polygon.rings[0]) > 0
        assert all(area(hole) < 0 for hole in polygon.rings[1:])
        again[inside] = polygon.label
    np.testing.assert_array_equal(again, labels)
    assert len(found) == sum(ndimage.label(labels == label)[1] for label in (1, 2, 3))


def test_a_hole_and_an_island_in_it():
    labels = np.ones((5, 5), int)
    labels[1:4, 1:4] = 0
    labels[2, 2] = 1
    frame, island = polygons(labels)
    assert [ring.tolist() for ring in frame.rings] == [
        [[0, 0], [5, 0], [5, 5], [0, 5]],
        [[1, 1], [1, 4], [4, 4], [4, 1]],
    ]
    assert island == Polygon(1, 1, island.rings)
    assert island.rings[0].tolist() == [[2, 2], [3, 2], [3, 3], [2, 3]]


def test_pixels_that_share_a_corner_are_two_regions_and_a_hole_at_the_rim_is_a_hole():
    assert [polygon.pixels for polygon in polygons([[1, 0], [0, 1]])] == [1, 1]
    [around] = polygons([[1, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert around.pixels == 7
    assert len(around.rings) == 2


def test_small_regions_and_labels_can_be_left_out():
    labels = np.array([[2, 2, 0, 1], [2, 2, 0, 0]])
    assert [o.label for o in polygons(labels)] == [1, 2]
    assert [o.label for o in polygons(labels, min_pixels=2)] == [2]
    assert [o.label for o in polygons(labels, ignore=(1, 2))] == [0]
    for none in ((), None):
        assert [o.label for o in polygons(labels, ignore=none)] == [0, 1, 2]
    assert polygons(np.zeros((3, 3), int)) == ()


@pytest.mark.parametrize(
    "labels, options, message",
    [
        (np.zeros((2, 2)), {}, "`labels` must be an integer map"),
        (np.zeros((2, 2, 1), int), {}, "`labels` must be an integer map"),
        (np.zeros((0, 2), int), {}, "`labels` must be an integer map"),
        (np.zeros((2, 2), int), {"min_pixels": 0}, "`min_pixels` must be an integer of at least 1"),
        (np.ones((2, 2), int), {"ignore": (1.7,)}, "`ignore` must be None, an integer or a sequence of integers"),
        (np.ones((2, 2), int), {"ignore": "0"}, "`ignore` must be None, an integer or a sequence of integers"),
    ],
)
def test_bad_arguments(labels, options, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        polygons(labels, **options)
    assert "\n" not in str(caught.value)
