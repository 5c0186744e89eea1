"""How often pairs of ids occur."""

import numpy as np


def pair_counts(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(first ids, second ids, how many there are) of the pairs at the same places of two integer arrays (n,).

    They are ordered by the first id, then by the second. `np.unique` of pairs, with an `axis`, is the same and takes
    fifty times as long: it sorts numbers fast, and pairs slowly.
    """
    values, numbers = np.unique(second, return_inverse=True)
    firsts, rows = np.unique(first, return_inverse=True)
    pairs, counts = np.unique(rows.astype("int64") * len(values) + numbers, return_counts=True)
    rows, columns = np.divmod(pairs, max(1, len(values)))
    return firsts[rows], values[columns], counts
