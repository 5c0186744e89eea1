"""The first batches of a dataset, of any loader."""

import numpy as np


def taken(dataset, count=None):
    """Batches as lists of arrays: so many of them, or all for None."""
    batches = []
    for batch in dataset:
        batches.append([np.asarray(part) for part in batch])
        if len(batches) == count:
            break
    return batches
