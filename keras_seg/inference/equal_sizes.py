"""Batches of images of equal size."""


def batches_of_equal_size(sizes, batch_size):
    """Positions grouped by size and cut into batches, so that nothing is padded that is judged."""
    groups = {}
    for position, size in enumerate(sizes):
        groups.setdefault(tuple(size), []).append(position)
    for positions in groups.values():
        for start in range(0, len(positions), batch_size):
            yield positions[start : start + batch_size]
