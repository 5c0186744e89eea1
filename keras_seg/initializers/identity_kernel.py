"""Convolutions that start by passing their input on."""

import math
import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor


@keras.saving.register_keras_serializable("keras_seg")
class IdentityKernel(keras.initializers.Initializer):
    """The kernel of a convolution that passes its input through, for any number of channels.

    Channels belong to `groups` by their order: channel a of n to group `floor(a * groups / n)`. The center of the
    kernel is `groups / max(channels, filters)` for every channel of a filter's own group; all other weights are zero.
    With equal numbers of channels, filters and groups that is the identity. Otherwise a stack of such layers still
    passes each group's value on, but scaled: by `channels / filters` where a layer widens, and by 1 elsewhere.

    Args:
        groups: int or None. Divisor of channels and filters; for a network on class scores, the number of classes.
            None for the greatest common divisor of the two. Defaults to None.
        noise: float >= 0. Standard deviation of normal noise added to the zero weights. With several channels per
            group the paper asks for far less than `groups / filters`, so that they do not stay equal. Defaults to 0.
        seed: int >= 0 or None. Seed of the noise. Defaults to None: each kernel has its own noise, which repeats after
            `keras.utils.set_random_seed`.

    Call arguments:
        shape: (height, width, channels, filters), height and width odd, as `keras.layers.Conv2D` requires.
        dtype: str. Defaults to Keras' float type.

    Raises:
        InputError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> np.array(ks.initializers.IdentityKernel()((3, 3, 2, 4)))[1, 1].tolist()
        [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]

    Reference: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, section 3,
    equations 4 and 5.
    """

    def __init__(self, groups: int | None = None, *, noise: float = 0.0, seed: int | None = None) -> None:
        self.groups = None if groups is None else _validation.integer("groups", groups)
        self.noise = _validation.number("noise", noise, 0)
        if seed is not None and not noise:
            _validation.fail("seed", "has no effect without noise", seed, "Pass noise=..., or leave seed out.")
        self.seed = None if seed is None else _validation.integer("seed", seed, 0)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """The kernel."""
        shape = tuple(shape)
        if len(shape) != 4 or not all(side % 2 for side in shape[:2]):
            _validation.fail("shape", "must be (height, width, channels, filters), height and width odd", shape)
        rows, columns, channels, filters = shape
        groups = self.groups or math.gcd(channels, filters)
        if channels % groups or filters % groups:
            _validation.fail("groups", f"must divide {channels} channels and {filters} filters", groups)
        group_of_channel = np.arange(channels) * groups // channels
        group_of_filter = np.arange(filters) * groups // filters
        same_group = group_of_channel[:, None] == group_of_filter[None, :]
        kernel = np.zeros(shape)
        if self.noise:
            # From Python's generator, as Keras' initializers do: that of NumPy without a seed never repeats.
            seed = random.randrange(2**32) if self.seed is None else self.seed
            kernel += np.random.default_rng(seed).normal(0, self.noise, size=shape)
        kernel[rows // 2, columns // 2][same_group] = groups / max(channels, filters)
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"groups": self.groups, "noise": self.noise, "seed": self.seed}
