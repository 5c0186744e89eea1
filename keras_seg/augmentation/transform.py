"""What every transform of an augmentation is."""

import inspect

from keras_seg import _validation


class Transform:
    """One random change.

    A transform is a pure function of uniform draws, one row for each image of a batch: the first draw decides by
    `probability` whether it happens, the `draws` others what happens. So the result does not depend on where numbers
    come from, and the same code runs on every backend.

    Args:
        probability: of the change, 0..1, for each image.
    """

    draws = 0
    """Uniform numbers an image, beside the one for the probability."""

    def __init__(self, probability):
        self.probability = _validation.number("probability", probability, 0.0, 1.0)

    def active(self, draws):
        """Whether each image is changed, bool (batch,)."""
        return draws[:, 0] < self.probability

    def get_config(self):
        """The constructor's arguments, as JSON types."""
        config = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in config.items()}

    @classmethod
    def from_config(cls, config):
        """The transform that `get_config` described."""
        return cls(**config)

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"
