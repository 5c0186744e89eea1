"""Examples in batches of equal size."""

import numpy as np

from keras_seg.data.pipeline.decoded_store import DecodedStore


def batches_of_equal_size(sizes, batch_size):
    """Positions grouped by size and cut into batches, so that nothing is padded that is judged."""
    groups = {}
    for position, size in enumerate(sizes):
        groups.setdefault(tuple(size), []).append(position)
    for positions in groups.values():
        for start in range(0, len(positions), batch_size):
            yield positions[start : start + batch_size]


def examples_of_equal_size(index, batch_size):
    """(positions, images, labels) of the examples of an index, arrays of a batch, images as float32."""
    store = DecodedStore(index)
    for positions in batches_of_equal_size(index.sizes, batch_size):
        images, labels = zip(*map(store.get, positions), strict=True)
        yield positions, np.stack(images).astype("float32"), np.stack(labels)
