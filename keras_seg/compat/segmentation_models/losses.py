"""The losses of segmentation_models 1.0.1, with its sums and multiples.

Truth and prediction are (batch, height, width, classes): masks of 0 and 1, and probabilities. Masks of class ids are
refused. Each is a `keras.losses.Loss`; a sum of them is one too, and can be saved with a model.
"""

from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_seg.compat.segmentation_models import _scores
from keras_seg.compat.segmentation_models._scores import SMOOTH, Counts

_register = keras.saving.register_keras_serializable("keras_seg.compat")
_Indices = int | Sequence[int] | None


class Loss(keras.losses.Loss):
    """A loss that can be added to others, and multiplied by a number."""

    @property
    def __name__(self) -> str:
        """The name, as of a function."""
        return self.name

    def __add__(self, other: Any) -> "Loss":
        """The sum of two losses."""
        if not isinstance(other, Loss):
            raise ValueError("Loss should be inherited from `Loss` class")
        return SumOfLosses(self, other)

    __radd__ = __add__

    def __mul__(self, value: Any) -> "Loss":
        """The loss times a number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("Loss should be multiplied by a number")
        return MultipliedLoss(self, value)

    __rmul__ = __mul__

    def get_config(self) -> dict[str, Any]:
        """The settings."""
        hidden = ("name", "reduction", "dtype", "built")
        return {name: value for name, value in vars(self).items() if name[0] != "_" and name not in hidden}


@_register
class MultipliedLoss(Loss):
    """A loss times a number.

    Args:
        loss: `Loss`.
        multiplier: float.
    """

    def __init__(self, loss: Loss, multiplier: float) -> None:
        name = f"{multiplier}({loss.name})" if "+" in loss.name else f"{multiplier}{loss.name}"
        super().__init__(name=name)
        self.loss, self.multiplier = loss, multiplier

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value."""
        return self.multiplier * self.loss.call(y_true, y_pred)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss of a configuration."""
        return cls(keras.saving.deserialize_keras_object(config["loss"]), config["multiplier"])


@_register
class SumOfLosses(Loss):
    """The sum of two losses.

    Args:
        l1, l2: `Loss`.
    """

    def __init__(self, l1: Loss, l2: Loss) -> None:
        super().__init__(name=f"{l1.name}_plus_{l2.name}")
        self.l1, self.l2 = l1, l2

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value."""
        return self.l1.call(y_true, y_pred) + self.l2.call(y_true, y_pred)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss of a configuration."""
        return cls(*(keras.saving.deserialize_keras_object(config[name]) for name in ("l1", "l2")))


@_register
class JaccardLoss(Loss):
    """1 - IoU of soft counts.

    Args:
        class_weights: sequence of float, per class. Defaults to None.
        class_indexes: int or sequence of int. The classes that count. Defaults to None, for all.
        per_image: bool. The mean over images instead of counts over the batch. Defaults to False.
        smooth: float. Defaults to 1e-5.
    """

    def __init__(
        self,
        class_weights: Sequence[float] | None = None,
        class_indexes: _Indices = None,
        per_image: bool = False,
        smooth: float = SMOOTH,
    ) -> None:
        super().__init__(name="jaccard_loss")
        self.class_weights, self.class_indexes = _scores.plain(class_weights), _scores.plain(class_indexes)
        self.per_image, self.smooth = per_image, smooth

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value."""
        counts = Counts(y_true, y_pred, class_indexes=self.class_indexes, per_image=self.per_image)
        score = self._score(counts)
        return 1 - _scores.averaged(score, per_image=self.per_image, class_weights=self.class_weights)

    def _score(self, counts: Counts) -> Any:
        return _scores.iou(counts, self.smooth)


@_register
class DiceLoss(JaccardLoss):
    """1 - F score of soft counts.

    Args:
        beta: float. The weight of recall. Defaults to 1.
        *args, **settings: as of `JaccardLoss`.
    """

    def __init__(self, beta: float = 1, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.name, self.beta = "dice_loss", beta

    def _score(self, counts: Counts) -> Any:
        return _scores.f_score(counts, self.smooth, self.beta)


@_register
class BinaryCELoss(Loss):
    """The mean binary crossentropy."""

    def __init__(self) -> None:
        super().__init__(name="binary_crossentropy")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value."""
        gt, pr = _scores.chosen(y_true, y_pred, None)
        return ops.mean(ops.binary_crossentropy(gt, pr))


@_register
class CategoricalCELoss(Loss):
    """The mean of -log(p) over pixels and classes, of probabilities that are divided by their sum.

    Args:
        class_weights, class_indexes: as of `JaccardLoss`.
    """

    def __init__(self, class_weights: Sequence[float] | None = None, class_indexes: _Indices = None) -> None:
        super().__init__(name="categorical_crossentropy")
        self.class_weights, self.class_indexes = _scores.plain(class_weights), _scores.plain(class_indexes)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value."""
        gt, pr = _scores.chosen(y_true, y_pred, self.class_indexes)
        pr = _clipped(pr / ops.sum(pr, axis=-1, keepdims=True))
        weights = 1.0 if self.class_weights is None else ops.convert_to_tensor(self.class_weights, pr.dtype)
        return -ops.mean(gt * ops.log(pr) * weights)


@_register
class CategoricalFocalLoss(Loss):
    """The mean of -alpha (1 - p)^gamma log(p) over pixels and classes.

    Args:
        alpha: float. Defaults to 0.25.
        gamma: float. Defaults to 2.
        class_indexes: as of `JaccardLoss`.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, class_indexes: _Indices = None) -> None:
        super().__init__(name="focal_loss")
        self.alpha, self.gamma, self.class_indexes = alpha, gamma, _scores.plain(class_indexes)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value."""
        gt, pr = _scores.chosen(y_true, y_pred, self.class_indexes)
        pr = _clipped(pr)
        return ops.mean(-gt * self.alpha * (1 - pr) ** self.gamma * ops.log(pr))


@_register
class BinaryFocalLoss(Loss):
    """The mean focal loss of Lin et al. (2017), with weight alpha for 1 and 1 - alpha for 0.

    Args:
        alpha: float. Defaults to 0.25.
        gamma: float. Defaults to 2.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__(name="binary_focal_loss")
        self.alpha, self.gamma = alpha, gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value."""
        gt, pr = _scores.chosen(y_true, y_pred, None)
        pr = _clipped(pr)
        ones = gt * self.alpha * (1 - pr) ** self.gamma * ops.log(pr)
        zeros = (1 - gt) * (1 - self.alpha) * pr**self.gamma * ops.log(1 - pr)
        return -ops.mean(ones + zeros)


def _clipped(pr: Any) -> Any:
    epsilon = keras.config.epsilon()
    return ops.clip(pr, epsilon, 1 - epsilon)


jaccard_loss = JaccardLoss()
dice_loss = DiceLoss()
binary_focal_loss = BinaryFocalLoss()
categorical_focal_loss = CategoricalFocalLoss()
binary_crossentropy = BinaryCELoss()
categorical_crossentropy = CategoricalCELoss()

bce_dice_loss = binary_crossentropy + dice_loss
bce_jaccard_loss = binary_crossentropy + jaccard_loss
cce_dice_loss = categorical_crossentropy + dice_loss
cce_jaccard_loss = categorical_crossentropy + jaccard_loss
binary_focal_dice_loss = binary_focal_loss + dice_loss
binary_focal_jaccard_loss = binary_focal_loss + jaccard_loss
categorical_focal_dice_loss = categorical_focal_loss + dice_loss
categorical_focal_jaccard_loss = categorical_focal_loss + jaccard_loss
