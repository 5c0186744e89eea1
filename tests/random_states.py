"""Random state dicts that depend on their keys and shapes alone, so that they are the same wherever they are made."""

import zlib

import numpy as np


def random_state(shapes):
    """{key: array} for {key: shape} of a state dict of PyTorch, with values that neither fade nor explode."""
    return {key: _draw(key, tuple(shape)) for key, shape in shapes.items() if not key.endswith("num_batches_tracked")}


def _draw(key, shape):
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    if len(shape) > 1:
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype("float32")
    if key.endswith(("running_mean", "bias")):
        return rng.normal(0, 0.1, shape).astype("float32")
    # The branches of a long ResNet add up.
    low = 0.35 if key.startswith("layer") and key.endswith(".weight") else 0.5
    return rng.uniform(low, 2 * low, shape).astype("float32")


def image(height, width):
    """A normalized image: (1, height, width, 3)."""
    return np.random.default_rng(height).normal(size=(1, height, width, 3)).astype("float32")


def sample(map):
    """A few numbers of a map (1, height, width, channels), from everywhere."""
    flat = np.asarray(map).ravel()
    return flat[np.random.default_rng(flat.size).integers(0, flat.size, 48)]
