"""Losses that can be added, and their sum."""

from collections.abc import Sequence
from typing import Any, Self

import keras

from keras_seg import _validation
from keras_seg._types import Tensor


class SummableLoss(keras.losses.Loss):
    """A loss that `+` and `*` combine into a `WeightedSum`."""

    def adapt(self, source: Any) -> Self:
        """Resolve what depends on the data; nothing, unless a subclass says otherwise."""
        return self

    def __add__(self, other: keras.losses.Loss | int) -> "SummableLoss":
        # sum([a, b]) begins with 0 + a.
        if isinstance(other, int) and other == 0:
            return self
        return WeightedSum([self, other])

    def __radd__(self, other: keras.losses.Loss | int) -> "SummableLoss":
        if isinstance(other, int) and other == 0:
            return self
        return WeightedSum([other, self])

    def __mul__(self, factor: float) -> "WeightedSum":
        return WeightedSum([self], weights=[factor])

    __rmul__ = __mul__


@keras.saving.register_keras_serializable("keras_seg")
class WeightedSum(SummableLoss):
    """A weighted sum of losses, each with its own reduction: `L = sum_i w_i L_i`.

    The result of `a + 0.5 * b`. Sums of sums are flattened and their weights multiplied. A plain `keras.losses.Loss`
    may be a term; it gets the labels as Keras passes them, cast to float32.

    Args:
        losses: sequence of `keras.losses.Loss`, none with reduction "none".
        weights: sequence of finite floats, one per loss, or None for all 1. Defaults to None.
        name: str. Name of the loss. Defaults to "weighted_sum".

    Call arguments:
        y_true, y_pred, sample_weight: passed to every term.

    Returns:
        A scalar, float32.

    Raises:
        InputError: if a term is not a loss or does not reduce to one number, or the weights do not fit.

    Examples:
        >>> import numpy as np
        >>> from keras_seg.losses import Crossentropy, SoftIoU
        >>> loss = Crossentropy(ignore_class=11) + 0.5 * SoftIoU(ignore_class=11)
        >>> loss
        WeightedSum(1.0 * crossentropy + 0.5 * soft_iou)
        >>> probabilities = np.full((1, 2, 2, 2), 0.5, "float32")
        >>> labels = np.array([[[0, 0], [0, 11]]])
        >>> round(float(loss(labels, probabilities)), 4)  # log(2) + 0.5 * (1 - 1.5 / 3)
        0.9431
    """

    def __init__(
        self, losses: Sequence[Any], *, weights: Sequence[float] | None = None, name: str = "weighted_sum"
    ) -> None:
        super().__init__(name=name)
        if not isinstance(losses, (list, tuple)) or not losses:
            _validation.fail("losses", "must be a non-empty list of losses", losses)
        weights = [1.0] * len(losses) if weights is None else weights
        if not isinstance(weights, (list, tuple)) or len(weights) != len(losses):
            _validation.fail("weights", f"must hold {len(losses)} numbers, one for each loss", weights)
        self.losses: list[keras.losses.Loss] = []
        self.weights: list[float] = []
        for loss, weight in zip(losses, weights, strict=True):
            weight = _validation.number("weights", weight)
            if isinstance(loss, WeightedSum):
                self.losses += loss.losses
                self.weights += [weight * inner for inner in loss.weights]
                continue
            if not isinstance(loss, keras.losses.Loss):
                fix = "Call it as loss(); a class is not yet a loss." if isinstance(loss, type) else ""
                _validation.fail("losses", "must hold losses, instances of keras.losses.Loss", loss, fix)
            if loss.reduction in ("none", None):
                _validation.fail(
                    "losses",
                    "must each reduce to one number to be added",
                    loss.reduction,
                    f'Give {loss.name} reduction="sum_over_batch_size" or "sum".',
                )
            self.losses.append(loss)
            self.weights.append(weight)

    def adapt(self, source: Any) -> Self:
        """Resolve the class weights of every term by the data; see `SegmentationLoss.adapt`."""
        for loss in self.losses:
            if isinstance(loss, SummableLoss):
                loss.adapt(source)
        return self

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Tensor:
        """The sum of the terms. Each scales itself under a distribution strategy, so the sum must not do so again."""
        with keras.name_scope(self.name):
            return self.call(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Tensor:
        """The sum of the terms."""
        return sum(
            weight * loss(y_true, y_pred, sample_weight) for loss, weight in zip(self.losses, self.weights, strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        """The terms, serialized, and their weights."""
        return {
            "losses": [keras.saving.serialize_keras_object(loss) for loss in self.losses],
            "weights": list(self.weights),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The sum with its terms deserialized."""
        return cls(**{**config, "losses": [keras.saving.deserialize_keras_object(item) for item in config["losses"]]})

    def __repr__(self) -> str:
        terms = " + ".join(f"{weight} * {loss.name}" for loss, weight in zip(self.losses, self.weights, strict=True))
        return f"WeightedSum({terms})"
