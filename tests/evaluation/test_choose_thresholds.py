"""Thresholds are taken if those chosen on other folds gain, and not where the best of many looks good by chance."""

import numpy as np
import pytest

from keras_seg.evaluation.choose_thresholds import Trials, choose_thresholds


class MeanTrials(Trials):
    """Scores of images at some settings, of which the mean counts; the first are the defaults."""

    def __init__(self, table):
        super().__init__([{"threshold": number} for number in range(table.shape[1])], default=0, table=table)

    def best(self, images):
        return int(np.argmax(self.table[images].mean(axis=0)))

    def scores_of_counts(self, counts, drawn):
        return drawn @ counts / drawn.sum(axis=1)


def chosen(table, *, groups=None, folds=2):
    count = len(table)
    groups = np.arange(count) if groups is None else groups
    return choose_thresholds(MeanTrials(np.asarray(table, "float64")), groups=groups, folds=np.arange(count) % folds)


def test_the_gain_is_that_of_other_folds():
    """By hand. Fold 0 holds rows 0, 2, fold 1 rows 1, 3. Over rows 1, 3 settings 1 have mean 0.9, settings 2 0.1, so
    fold 0 takes settings 1: 0.1 and 0.3. Over rows 0, 2 settings 2 are best, so fold 1 takes these: 0.2 and 0.0. The
    gain is (0.1 + 0.2 + 0.3 + 0.0) / 4 - 0 = 0.15. On all rows settings 1 have mean 0.55, settings 2 0.4."""
    found = chosen([[0, 0.1, 0.6], [0, 0.8, 0.2], [0, 0.3, 0.8], [0, 1.0, 0.0]])
    assert found.best == {"threshold": 1} and found.gain.value == pytest.approx(0.15)
    assert found.images == 4 and found.changed == 3
    assert found.settings == {}, "three images may gain by chance"


@pytest.mark.parametrize(("count", "taken"), [(5, False), (6, True)])
def test_six_images_must_change(count, taken):
    found = chosen([[0.5, 0.6]] * count)
    assert found.gain.low == pytest.approx(0.1) and found.changed == count
    assert found.settings == ({"threshold": 1} if taken else {})
    assert found.decoding == found.settings


def test_groups_count_as_one():
    table = [[0.5, 0.6]] * 20
    assert chosen(table, groups=np.arange(20) // 2).settings == {"threshold": 1}
    found = chosen(table, groups=np.arange(20) % 4)
    assert found.changed == 4 and found.settings == {}


def test_groups_widen_the_interval():
    """Ten copies of four different gains."""
    gains = np.repeat([0.3, -0.1, 0.2, 0.1, -0.2, 0.25, 0.1, -0.1], 10)
    table = np.stack([np.zeros(80), gains], axis=1)
    alone, together = chosen(table), chosen(table, groups=np.repeat(np.arange(8), 10))
    assert alone.gain.value == together.gain.value
    assert together.gain.high - together.gain.low > 2 * (alone.gain.high - alone.gain.low)
    assert alone.settings and not together.settings


def test_chance_is_kept_out():
    """Of 72 settings without any effect, the best gains on its own images, and hardly ever on others."""
    taken, looked_good = 0, 0
    for seed in range(40):
        table = np.random.default_rng(seed).normal(0.5, 0.1, (40, 72))
        taken += bool(chosen(table, folds=5).settings)
        best = int(np.argmax(table.mean(axis=0)))
        gains = table[:, best] - table[:, 0]
        looked_good += gains.mean() > 1.96 * gains.std() / np.sqrt(len(gains))
    assert taken <= 3 and looked_good >= 12


def test_an_effect_is_found():
    """One of 72 settings adds 0.08, among noise of 0.1."""
    found = 0
    for seed in range(20):
        table = np.random.default_rng(seed).normal(0.5, 0.1, (60, 72))
        table[:, 30] += 0.08
        found += chosen(table, folds=5).settings == {"threshold": 30}
    assert found >= 16


def test_the_defaults_win():
    found = chosen([[0.6, 0.5]] * 10)
    assert found.settings == {} and found.best == {"threshold": 0}
    assert (found.gain.value, found.gain.low, found.gain.high) == (0, 0, 0) and found.changed == 0
