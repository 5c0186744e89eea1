"""The pixels inside an outline, against pycocotools and against numbers worked out by hand."""

import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.data.conversion.polygons import ellipse_stamp, polygon_points, polygon_stamp, rectangle

pytestmark = pytest.mark.tensorflow_only


def painted(stamp, height, width):
    whole = np.zeros((height, width), bool)
    whole[stamp.window] = stamp.inside
    return whole


@pytest.mark.parametrize("spread", [1.0, 3.0, 0.02])
def test_polygons_are_those_of_pycocotools(spread):
    coco = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(1)
    for _ in range(400):
        height, width = random.integers(1, 60, 2)
        # Some leave the image, cross themselves, and have corners on pixels' centers and edges.
        points = (random.random((random.integers(3, 12), 2)) - 0.5) * [width, height] * spread + [width / 2, height / 2]
        if random.random() < 0.5:
            points = np.round(points * 2) / 2
        expected = coco.decode(coco.frPyObjects([points.ravel().tolist()], int(height), int(width)))[..., 0]
        found = painted(polygon_stamp([points], height, width), height, width)
        np.testing.assert_array_equal(found, expected == 1)


def test_a_pixel_belongs_if_its_center_does():
    # Columns' centers at 0.5, 1.5, ...: 1.4 to 3.6 holds those of columns 1, 2 and 3; rows 0.6 to 2.4 that of row 1.
    found = painted(polygon_stamp([rectangle(1.4, 0.6, 3.6, 2.4)], 4, 6), 4, 6)
    np.testing.assert_array_equal(np.argwhere(found), [[1, 1], [1, 2], [1, 3]])


def test_holes_and_several_rings():
    rings = [rectangle(0, 0, 6, 6), rectangle(4, 4, 8, 8)]
    found = painted(polygon_stamp(rings, 8, 8, holes=[rectangle(1, 1, 3, 3)]), 8, 8)
    expected = np.zeros((8, 8), bool)
    expected[:6, :6] = expected[4:, 4:] = True
    expected[1:3, 1:3] = False
    np.testing.assert_array_equal(found, expected)


def test_what_lies_outside_is_cut():
    assert not polygon_stamp([rectangle(0, 0, 8, 8)], 8, 8).cut
    assert polygon_stamp([rectangle(-3, 0, 8, 8)], 8, 8).cut
    gone = polygon_stamp([rectangle(20, 20, 30, 30)], 8, 8)
    assert gone.cut and not gone.inside.any()


def test_far_and_strange_points_are_refused():
    for far in (1e12, 1e300):
        with pytest.raises(InputError, match="a.json: the outline"):
            polygon_stamp([np.array([[0, 0], [far, 0], [0, 5.0]])], 8, 8, where="a.json")
    for wrong in ([1, 2, 3], ["a", 1], [[1, 2], [3]], None, [1, float("nan")], [[10**400, 1]]):
        with pytest.raises(InputError, match="a.json: the outline"):
            polygon_points(wrong, "a.json")


def test_ellipses():
    # A circle of radius 1.2 around the center of pixel (2, 2): that pixel and its four neighbors at distance 1.
    found = painted(ellipse_stamp((2.5, 2.5), (1.2, 1.2), 5, 5), 5, 5)
    np.testing.assert_array_equal(np.argwhere(found), [[1, 2], [2, 1], [2, 2], [2, 3], [3, 2]])
    flat = painted(ellipse_stamp((4, 2.5), (3, 0.6), 5, 8), 5, 8)
    np.testing.assert_array_equal(np.argwhere(flat), [[2, column] for column in range(1, 7)])
    tall = painted(ellipse_stamp((2.5, 4), (3, 0.6), 8, 5, degrees=90), 8, 5)
    np.testing.assert_array_equal(tall, flat.T)
