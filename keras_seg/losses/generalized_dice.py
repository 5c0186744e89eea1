"""Dice over all classes at once, weighted by size."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.overlap_loss import Overlap, checked_overlap_arguments, loss_of_counts
from keras_seg.losses.pixels import Options, read
from keras_seg.losses.segmentation_loss import FunctionLoss

_POWER = 2.0


def generalized_dice(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    power: float = _POWER,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    per_image: bool = False,
    absent: str = "skip",
    smooth: float = 0.0,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """`GeneralizedDice` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75], [0.25]]]], "float32")  # one channel: plain Dice
        >>> float(generalized_dice(np.array([[[1, 0]]]), probabilities))
        0.25
    """
    power = _validation.number("power", power, minimum=0)
    checked_overlap_arguments(per_image, absent, smooth, allowed=("skip", "count"))
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)
    if power != _POWER and pixels.mode == "binary":
        _validation.fail("power", 'has no effect on the one class of mode="binary"', power, "Leave it out.")

    def combine(overlap: Overlap, counted: Tensor) -> Tensor:
        """The one ratio of all classes."""
        present = ops.logical_and(overlap.target > 0, counted > 0)
        # Relative to the smallest class, so that no weight underflows: the scale cancels out.
        size = ops.where(present, overlap.target, float("inf"))
        smallest = ops.min(size, axis=-1, keepdims=True)
        some_present = ops.isfinite(smallest)
        smallest = ops.where(some_present, smallest, 1.0)
        weights = (smallest / ops.where(present, size, smallest)) ** power
        enters = present if absent == "skip" else some_present
        weights = ops.where(enters, weights * counted, 0.0)
        numerator = 2 * ops.sum(weights * overlap.intersection, axis=-1) + smooth
        denominator = ops.sum(weights * (overlap.predicted + overlap.target), axis=-1) + smooth
        some_present = ops.squeeze(some_present, axis=-1)
        return ops.where(some_present, 1 - numerator / ops.where(some_present, denominator, 1.0), 0.0)

    return loss_of_counts(pixels, combine, per_image=per_image, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class GeneralizedDice(FunctionLoss):
    """One minus the generalized Dice: one ratio for all classes, with small classes weighted up by their own size.

    `L = 1 - 2 sum_c v_c I_c / sum_c v_c (P_c + T_c)` with `v_c = w_c / T_c^power` and `I_c = sum p_c t_c`,
    `P_c = sum p_c`, `T_c = sum t_c` over the pixels of the batch. A class enters the sums by about `T_c^(1 - power)`:
    with power 1 all classes that are present count alike, whatever their sizes, and with power 2 a class counts by the
    inverse of its size. Ignored pixels are excluded from I, P and T; ignored classes in the range are excluded from the
    sums. Without any class present there is no weight, and the loss is 0.

    Args:
        power: float >= 0. 2 as in the reference, 1 for weights 1 / T, 0 for equal weights. Defaults to 2.0.
        absent: str. What a class without a pixel in the target of the batch (or image) does. "skip": it is excluded
            from the sums. "count": it has the weight of the smallest class that is present, so that its predictions
            enter the denominator (as in MONAI). There is no "zero", as classes have no separate losses here.
            Defaults to "skip".
        smooth: float >= 0. Added to the numerator and denominator, in pixels of the smallest class that is present.
            Defaults to 0.0.

    Other arguments: see `SoftIoU`.

    Examples:
        >>> import numpy as np
        >>> loss = GeneralizedDice()
        >>> labels = np.array([[[0, 0], [0, 1]]])  # T: 3 and 1, v: 1 / 9 and 1
        >>> probabilities = np.array([[[[1, 0], [1, 0]], [[1, 0], [0.5, 0.5]]]], "float32")  # I: 3, 0.5; P: 3.5, 0.5
        >>> round(float(loss(labels, probabilities)), 4)  # 1 - 2 * (3 / 9 + 0.5) / (6.5 / 9 + 1.5)
        0.25

    Reference:
        - [Sudre et al., 2017](https://arxiv.org/abs/1707.03237), section 2.1.
    """

    def __init__(
        self,
        *,
        power: float = _POWER,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        per_image: bool = False,
        absent: str = "skip",
        smooth: float = 0.0,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "generalized_dice",
        dtype: Any = None,
    ) -> None:
        own = {
            **checked_overlap_arguments(per_image, absent, smooth, allowed=("skip", "count")),
            "power": _validation.number("power", power, minimum=0),
        }
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(generalized_dice, own, options, reduction=reduction, name=name, dtype=dtype)
