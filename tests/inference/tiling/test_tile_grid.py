"""Where tiles lie and how they are weighed: properties over sizes, tiles, overlaps and strides."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_seg._validation import InputError
from keras_seg.inference.tiling.blend_weights import blend_weights
from keras_seg.inference.tiling.tile_grid import TileAxis, tile_axis

pytestmark = pytest.mark.tensorflow_only


@st.composite
def axes(draw):
    """(axis, stride, overlap, margin) of any image, tile and model that go together."""
    stride = draw(st.sampled_from([1, 2, 4, 8, 16, 32]))
    border = draw(st.integers(0, 40))
    tile = stride * draw(st.integers(1, 12)) + (draw(st.integers(0, stride - 1)) if border else 0)
    margin = draw(st.integers(0, max(0, (tile - stride) // 2)))
    overlap = draw(st.floats(0, max(0.0, 1 - stride / tile)))
    length = draw(st.integers(1, 700))
    return (
        tile_axis("height", length, tile, border=border, stride=stride, overlap=overlap, margin=margin),
        stride,
        overlap,
        margin,
    )


@settings(deadline=None, max_examples=300)
@given(axes())
def test_tiles_cover_the_image_on_the_grid(drawn):
    axis, stride, overlap, margin = drawn
    starts = np.array(axis.starts)
    assert starts[0] == 0 and (starts % stride == 0).all()
    assert axis.covered >= axis.length
    assert axis.covered < axis.length + stride or len(starts) == 1
    if (axis.length - axis.tile) % stride == 0 and axis.length >= axis.tile:
        assert axis.covered == axis.length  # The last tile ends at the border.
    shared = axis.tile - np.diff(starts)
    assert (shared >= math.ceil(overlap * axis.tile - 1e-6)).all() and (shared >= 2 * margin).all()
    assert (np.diff(starts) > 0).all()
    if len(starts) > 1:
        assert np.ptp(np.diff(starts)) <= stride  # Evenly spaced, as far as the grid lets them.


@settings(deadline=None, max_examples=300)
@given(axes(), st.sampled_from(["gaussian", "constant", "crop"]))
def test_weights_sum_to_one_at_every_pixel(drawn, blend):
    axis = drawn[0]
    weights = blend_weights(axis, blend)
    assert weights.shape == (len(axis.starts), axis.tile) and (weights >= 0).all()
    total = np.zeros(axis.covered)
    for start, weight in zip(axis.starts, weights, strict=True):
        total[start : start + axis.tile] += weight
    np.testing.assert_allclose(total, 1, rtol=0, atol=1e-6)


@settings(deadline=None)
@given(axes())
def test_cropped_tiles_keep_their_margin(drawn):
    axis, _, _, margin = drawn
    weights = blend_weights(axis, "crop")
    assert set(np.unique(weights)) <= {0, 1}
    for index in range(len(axis.starts)):
        used = np.flatnonzero(weights[index])
        assert index == 0 or used[0] >= margin
        assert index == len(axis.starts) - 1 or axis.tile - 1 - used[-1] >= margin


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 70), st.integers(1, 90))
def test_positions_are_those_of_numpy(length, border, tile):
    axis = TileAxis(length, tile, border, (0,))
    padded = np.pad(np.arange(length), (border, border + max(0, tile - length)), mode="reflect")
    np.testing.assert_array_equal(axis.positions(), padded[: tile + 2 * border])


def test_by_hand():
    # 1000 pixels, tiles of 256 that share half: seven steps of at most 128 for 744 pixels, on the grid of 8.
    axis = tile_axis("height", 1000, 256, border=0, stride=8, overlap=0.5)
    assert axis.starts == (0, 120, 248, 368, 496, 616, 744)
    assert axis.cuts == (0, 188, 312, 436, 560, 684, 808, 1000)
    # The Gaussian of a tile of 5 at its ends: exp(-(2 / (5 / 8))^2 / 2) = exp(-5.12), beside a neighbor's middle, 1.
    axis = tile_axis("height", 7, 5, border=0, stride=1, overlap=0.5)
    assert axis.starts == (0, 2)
    end, middle = math.exp(-5.12), 1
    assert blend_weights(axis, "gaussian")[0, 4] == pytest.approx(end / (end + middle))


def test_tiles_too_small_for_the_overlap_or_margin():
    with pytest.raises(InputError, match=r"`overlap` must leave at least 8 pixels.*of 32.*at most 0.75"):
        tile_axis("height", 100, 32, border=0, stride=8, overlap=0.8)
    tile_axis("height", 100, 32, border=0, stride=8, overlap=0.75)
    with pytest.raises(InputError, match=r"`tile` must be at least 48 pixels in width for a margin of 20.*tile=32"):
        tile_axis("width", 100, 32, border=0, stride=8, overlap=0, margin=20)
    tile_axis("width", 100, 48, border=0, stride=8, overlap=0, margin=20)
