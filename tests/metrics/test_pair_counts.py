"""Counts of pairs of ids, compared with NumPy's."""

import numpy as np
import pytest

from keras_seg._labels.pair_counts import pair_counts


@pytest.mark.parametrize("size", [0, 1, 500])
@pytest.mark.parametrize("types", [("uint8", "uint64"), ("int32", "int16"), ("int64", "int64")])
def test_equal_to_sorting_pairs(size, types):
    random = np.random.default_rng(size)
    signed = [0 if name[0] == "u" else -9 for name in types]
    first, second = (random.integers(low, 20, size).astype(name) for low, name in zip(signed, types, strict=True))
    pairs, counts = np.unique(np.stack([first.astype("int64"), second.astype("int64")]), axis=1, return_counts=True)
    found = pair_counts(first, second)
    np.testing.assert_array_equal(found[0], pairs[0])
    np.testing.assert_array_equal(found[1], pairs[1])
    np.testing.assert_array_equal(found[2], counts)
    assert [part.dtype for part in found[:2]] == list(types)


def test_the_largest_ids():
    """Their product is beyond any integer."""
    most = np.iinfo("int64").max
    first, second, counts = pair_counts(np.array([most, -most, most]), np.array([most, most, most]))
    assert (first.tolist(), second.tolist(), counts.tolist()) == ([-most, most], [most, most], [1, 2])
