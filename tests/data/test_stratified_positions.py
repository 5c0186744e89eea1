"""Images in which every class occurs."""

import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.data import stratified_positions

pytestmark = pytest.mark.tensorflow_only


def test_rare_classes_come_first():
    """A thousand images of sky, five of them with a bird: chance would take none of these."""
    counts = np.zeros((1000, 3), int)
    counts[:, 0] = 100
    counts[::200] = [90, 0, 10]
    chosen = stratified_positions(counts, 8)
    assert {0, 200, 400, 600, 800} <= set(chosen)
    assert len(set(chosen)) == 8


def test_shares_are_more_even_than_those_of_the_data():
    counts = np.random.default_rng(0).dirichlet([8, 1, 0.1, 0.05], size=300) * 1e4
    chosen = counts[stratified_positions(counts, 30)].sum(axis=0)
    assert (chosen / chosen.sum()).min() > 3 * (counts.sum(axis=0) / counts.sum()).min()


def test_as_many_as_there_are():
    assert sorted(stratified_positions([[0, 1], [0, 0], [2, 3]], 10)) == [0, 1, 2]


@pytest.mark.parametrize("counts", [[], [1, 2], [[-1, 2]]])
def test_bad_counts(counts):
    with pytest.raises(InputError, match="`pixel_counts` must be counts"):
        stratified_positions(counts, 3)
    with pytest.raises(InputError, match="`count` must be an integer"):
        stratified_positions([[1]], 0)
