"""How often each class of a target occurs."""

import numpy as np

# Enough to know the shares to a few per cent of themselves.
_IMAGES = 32


def target_shares(index, target, names):
    """The share of each class of `target(labels)` in some of the examples, by name; what is below 0 does not count.

    Args:
        index: a `FolderIndex` or an `InstanceIndex`.
        target: callable of the labels of an example that gives an integer array.
        names: sequence of str, one a class.
    """
    counts = np.zeros(len(names))
    for position in np.unique(np.linspace(0, len(index) - 1, min(_IMAGES, len(index))).astype(int)):
        values = target(index.read_labels(int(position)))
        counts += np.bincount(values[values >= 0], minlength=len(names))
    # A class that these images do not hold is rare, not impossible.
    shares = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    return {name: float(share) for name, share in zip(names, shares, strict=True)}
