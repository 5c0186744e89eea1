"""Convolutions that start by passing their input on."""

import math

import keras
import numpy as np
from keras import ops

from keras_seg import _validation


@keras.saving.register_keras_serializable("keras_seg")
class IdentityKernel(keras.initializers.Initializer):
    """The kernel of a convolution that hands its input through, for any numbers of channels.

    Channels belong to `groups` by their order: channel a of n to group `floor(a * groups / n)`. The center of the
    kernel takes `groups / max(channels, filters)` from every channel of a filter's own group, and nothing else is
    taken. Channels, filters and groups alike, that is the identity. Else a stack of them still passes each group's
    value on, but scaled: by `channels / filters` where a layer widens, and by 1 where it narrows or keeps.

    Args:
        groups: int or None, that divides channels and filters; of a net that works on class scores, the number of
            classes. Defaults to None, the greatest common divisor of the two.
        noise: float, the standard deviation of normal noise added to what is zero. The paper asks for far less than
            `groups / filters` where there are several channels to a group, so that they do not stay alike. Defaults to
            0.
        seed: int or None, of the noise. Defaults to None.

    Call arguments:
        shape: (height, width, channels, filters), height and width odd, as `keras.layers.Conv2D` asks.
        dtype: str. Defaults to Keras' float type.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> np.array(ks.initializers.IdentityKernel()((3, 3, 2, 4)))[1, 1].tolist()
        [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]

    Reference: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, section 3,
    equations 4 and 5.
    """

    def __init__(self, groups=None, *, noise=0.0, seed=None):
        self.groups = None if groups is None else _validation.integer("groups", groups)
        self.noise = _validation.number("noise", noise, 0)
        self.seed = seed

    def __call__(self, shape, dtype=None):
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
            kernel += np.random.default_rng(self.seed).normal(0, self.noise, size=shape)
        kernel[rows // 2, columns // 2][same_group] = groups / max(channels, filters)
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())

    def get_config(self):
        """The arguments."""
        return {"groups": self.groups, "noise": self.noise, "seed": self.seed}
