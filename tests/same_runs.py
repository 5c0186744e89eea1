"""Two runs that must not differ: one that was interrupted, and one that was not."""

import csv

import numpy as np


def assert_same_runs(run, whole):
    """They have the same weights, to the bit, the same scores, and the same files."""
    for ours, theirs in zip(run.load_model().get_weights(), whole.load_model().get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert np.isfinite(ours).all()
    assert run.load_metrics() == whole.load_metrics()
    ours, theirs = (list(csv.DictReader(folder.log_file.open())) for folder in (run, whole))
    for column in ("epoch", "step", "learning_rate", "loss"):
        assert [row[column] for row in ours] == [row[column] for row in theirs]
    assert sorted(item.name for item in run.path.iterdir()) == sorted(item.name for item in whole.path.iterdir())
    # A model, or that of the best epoch too, and the state file.
    assert len(list(run.checkpoints.iterdir())) == len(list(whole.checkpoints.iterdir())) <= 3
