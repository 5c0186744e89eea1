"""Base of every transform of an augmentation."""

import inspect
from collections.abc import Sequence
from typing import Any, Self

from keras_seg import _validation
from keras_seg._types import Tensor


class Transform:
    """One random change.

    A transform is a pure function of uniform draws, one row per image of a batch: the first draw decides by
    `probability` whether the change happens, and the `_draws` others determine it. So the result does not depend on the
    source of the numbers, and the same code runs on every backend.

    Args:
        probability: float in 0..1, of the change, per image.
    """

    _draws = 0
    """Uniform numbers per image, in addition to the one for the probability."""

    _mixes_images = False
    """Whether an image gets parts of another one of its batch."""

    def __init__(self, probability: float) -> None:
        self.probability = _validation.number("probability", probability, 0.0, 1.0)

    def _active(self, draws: Tensor) -> Tensor:
        """Whether each image is changed, bool (batch,)."""
        return draws[:, 0] < self.probability

    def _check(self, batch: dict[str, Tensor], ignore_class: Sequence[int]) -> None:
        """Refuse, as far as shapes are known, a batch that the transform cannot change."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON types."""
        config = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The transform that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"
