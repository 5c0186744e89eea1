"""One minus the soft Tversky index."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.overlap_loss import Overlap, checked_overlap_arguments, overlap_loss, ratio
from keras_seg.losses.pixels import read
from keras_seg.losses.segmentation_loss import FunctionLoss

# Below this 1 - TI is raised to no power but continued in a straight line, whose slope is finite.
_STRAIGHT = 1e-6


def _checked(alpha: Any, beta: Any, exponent: Any) -> tuple[float, float, float]:
    """The arguments that are this loss's own, checked."""
    alpha = _validation.number("alpha", alpha, minimum=0)
    beta = _validation.number("beta", beta, minimum=0)
    if alpha == beta == 0:
        _validation.fail("alpha", "and `beta` must not both be 0: every prediction would be right", alpha)
    exponent = _validation.number("exponent", exponent, minimum=0)
    if exponent == 0:
        _validation.fail("exponent", "must be above 0", exponent)
    return alpha, beta, exponent


def tversky(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    alpha: float = 0.3,
    beta: float = 0.7,
    exponent: float = 1.0,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    per_image: bool = False,
    absent: str | None = None,
    smooth: float = 0.0,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """`Tversky` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75], [0.5]]]], "float32")
        >>> round(float(tversky(np.array([[[1, 0]]]), probabilities, alpha=1, beta=1)), 4)  # 1 - 0.75 / 1.5
        0.5
    """
    alpha, beta, exponent = _checked(alpha, beta, exponent)
    pixels = read(
        y_true,
        y_pred,
        sample_weight,
        from_logits=from_logits,
        ignore_class=ignore_class,
        class_weights=class_weights,
        mode=mode,
    )

    def class_losses(overlap: Overlap) -> Tensor:
        """(1 - I / (I + alpha FP + beta FN)) ** exponent."""
        false_positives = overlap.predicted - overlap.intersection
        false_negatives = overlap.target - overlap.intersection
        total = overlap.intersection + alpha * false_positives + beta * false_negatives
        # With beta 0 the total may be 0 although the class is present; then none of it was predicted.
        present = ops.logical_and(overlap.target > 0, total + smooth > 0)
        losses = 1 - ratio(overlap.intersection + smooth, total + smooth, present)
        if exponent == 1:
            return losses
        straight = losses * _STRAIGHT ** (exponent - 1)
        return ops.where(losses > _STRAIGHT, ops.maximum(losses, _STRAIGHT) ** exponent, straight)

    return overlap_loss(pixels, class_losses, per_image=per_image, absent=absent, smooth=smooth, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class Tversky(FunctionLoss):
    """One minus the soft Tversky index, averaged over classes, with weights for false positives and negatives.

    `TI_c = I_c / (I_c + alpha FP_c + beta FN_c)` with `I_c = sum p_c t_c`, `FP_c = sum p_c (1 - t_c)`, `FN_c = sum
    (1 - p_c) t_c` over the pixels of the batch, and `L = sum_c w_c (1 - TI_c)^exponent / sum_c w_c`.
    `alpha = beta = 0.5` is `SoftDice`, `alpha = beta = 1` is `SoftIoU`; `beta > alpha` penalizes false negatives more
    than false positives, for recall on small classes. An exponent other than 1 is the focal Tversky loss. Below
    `1 - TI = 1e-6`, where an exponent under 1 has no finite slope, a straight line takes over.

    Ignored pixels are excluded from all sums; ignored classes in the range are excluded from the mean.

    Args:
        alpha: float >= 0. Weight of false positives. Defaults to 0.3.
        beta: float >= 0. Weight of false negatives. Defaults to 0.7.
        exponent: float > 0 to which `1 - TI` is raised; 0.75 in the reference, which writes 1 / gamma with gamma 4 / 3.
            Defaults to 1.0.

    Other arguments: see `SegmentationLoss`, and for `per_image`, `absent` and `smooth` `SoftIoU`.

    Examples:
        >>> import numpy as np
        >>> loss = Tversky(alpha=0.3, beta=0.7)
        >>> probabilities = np.array([[[[0.75], [0.5]]]], "float32")  # one channel: binary
        >>> round(float(loss(np.array([[[1, 0]]]), probabilities)), 4)  # 1 - 0.75 / (0.75 + 0.3 * 0.5 + 0.7 * 0.25)
        0.3023

    Reference:
        - [Salehi et al., 2017](https://arxiv.org/abs/1706.05721), section 2.1: alpha of false positives, beta of false
          negatives; [Abraham and Khan, 2018](https://arxiv.org/abs/1810.07842), section 3.2, for the exponent, with the
          letters of alpha and beta the other way round.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        exponent: float = 1.0,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        per_image: bool = False,
        absent: str | None = None,
        smooth: float = 0.0,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        dtype: Any = None,
    ) -> None:
        alpha, beta, exponent = _checked(alpha, beta, exponent)
        super().__init__(
            tversky,
            {
                **checked_overlap_arguments(per_image, absent, smooth),
                "alpha": alpha,
                "beta": beta,
                "exponent": exponent,
            },
            from_logits=from_logits,
            ignore_class=ignore_class,
            class_weights=class_weights,
            mode=mode,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
