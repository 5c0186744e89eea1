"""One minus a soft overlap ratio per class: intersection over union, Dice, and Tversky, which generalizes both."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.overlap_loss import Overlap, checked_overlap_arguments, overlap_loss, ratio
from keras_seg.losses.pixels import Options, read
from keras_seg.losses.segmentation_loss import FunctionLoss


def soft_iou(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    per_image: bool = False,
    absent: str | None = None,
    smooth: float = 0.0,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """`SoftIoU` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75, 0.25], [0.5, 0.5]]]], "float32")
        >>> float(soft_iou(np.array([[[0, 0]]]), probabilities))  # I 1.25, P 1.25, T 2: 1 - 1.25 / 2
        0.375
    """
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)

    def class_losses(overlap: Overlap) -> Tensor:
        """1 - I / (P + T - I)."""
        union = overlap.predicted + overlap.target - overlap.intersection
        return 1 - ratio(overlap.intersection + smooth, union + smooth, overlap.target > 0)

    return overlap_loss(pixels, class_losses, per_image=per_image, absent=absent, smooth=smooth, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class SoftIoU(FunctionLoss):
    """One minus the soft intersection over union (Jaccard index), averaged over classes.

    `J_c = I_c / (P_c + T_c - I_c)` with `I_c = sum p_c t_c`, `P_c = sum p_c`, `T_c = sum t_c` over the pixels of the
    batch, and `L = sum_c w_c (1 - J_c) / sum_c w_c`. Ignored pixels are excluded from I, P and T; ignored classes in
    the range are excluded from the mean.

    Args:
        per_image: bool. Whether to sum over the pixels of each image and average the losses of the images with a valid
            pixel, rather than to sum over the batch. Sample weights of shape (batch,) then weigh the losses of the
            images. Defaults to False.
        absent: None or str. What a class without a pixel in the target of the batch (or image) does. "skip": it is
            excluded from the mean. "zero": its J is 0 and its loss 1, without a gradient, whatever is predicted; that
            is what the formula gives. "count": its loss is the mean probability it was given, `P_c / pixels`: 0 when
            nothing is predicted, 1 when everything is. None: "skip" for classes that exclude each other, "count" for
            binary and multi-label masks, where "skip" would make every false positive on an empty mask free. Defaults
            to None.
        smooth: float >= 0. Pixels added to the numerator and denominator of classes that are present. Defaults to 0.0.

    Other arguments: see `SegmentationLoss`. With "binary" the foreground is the only class. Without `per_image`
    there is one number, and all reductions are equal.

    Examples:
        >>> import numpy as np
        >>> loss = SoftIoU(ignore_class=255)
        >>> labels = np.array([[[0, 1], [1, 255]]])
        >>> probabilities = np.array([[[[0.5, 0.5], [0, 1]], [[0.5, 0.5], [1, 0]]]], "float32")
        >>> round(float(loss(labels, probabilities)), 4)  # J: 0.5 / 1.5 and 1.5 / 2.5
        0.5333

    Reference:
        - [Rahman and Wang, 2016](https://doi.org/10.1007/978-3-319-50835-1_22), section 2.
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        per_image: bool = False,
        absent: str | None = None,
        smooth: float = 0.0,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "soft_iou",
        dtype: Any = None,
    ) -> None:
        own = checked_overlap_arguments(per_image, absent, smooth)
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(soft_iou, own, options, reduction=reduction, name=name, dtype=dtype)


def soft_dice(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    per_image: bool = False,
    absent: str | None = None,
    smooth: float = 0.0,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """`SoftDice` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75], [0.25]]]], "float32")  # one channel: binary
        >>> float(soft_dice(np.array([[[1, 0]]]), probabilities))  # 1 - 2 * 0.75 / (1 + 1)
        0.25
    """
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)

    def class_losses(overlap: Overlap) -> Tensor:
        """1 - 2 I / (P + T)."""
        total = overlap.predicted + overlap.target
        return 1 - ratio(2 * overlap.intersection + smooth, total + smooth, overlap.target > 0)

    return overlap_loss(pixels, class_losses, per_image=per_image, absent=absent, smooth=smooth, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class SoftDice(FunctionLoss):
    """One minus the soft Dice coefficient, averaged over classes.

    `D_c = 2 I_c / (P_c + T_c)` with `I_c = sum p_c t_c`, `P_c = sum p_c`, `T_c = sum t_c` over the pixels of the batch,
    and `L = sum_c w_c (1 - D_c) / sum_c w_c`. It is `Tversky(alpha=0.5, beta=0.5)`, and `D = 2J / (1 + J)` of the J of
    `SoftIoU`. Ignored pixels are excluded from I, P and T; ignored classes in the range are excluded from the mean.

    All arguments: see `SoftIoU`.

    Examples:
        >>> import numpy as np
        >>> loss = SoftDice(ignore_class=255)
        >>> labels = np.array([[[0, 1], [1, 255]]])
        >>> probabilities = np.array([[[[0.5, 0.5], [0, 1]], [[0.5, 0.5], [1, 0]]]], "float32")
        >>> round(float(loss(labels, probabilities)), 4)  # D: 2 * 0.5 / (1 + 1) and 2 * 1.5 / (2 + 2)
        0.375

    Reference:
        - [Milletari et al., 2016](https://arxiv.org/abs/1606.04797), section 3, who square p and t in the denominator;
          plain sums as in [Drozdzal et al., 2016](https://arxiv.org/abs/1608.04117), section 3.
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        per_image: bool = False,
        absent: str | None = None,
        smooth: float = 0.0,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "soft_dice",
        dtype: Any = None,
    ) -> None:
        own = checked_overlap_arguments(per_image, absent, smooth)
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(soft_dice, own, options, reduction=reduction, name=name, dtype=dtype)


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
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)

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
        own = {
            **checked_overlap_arguments(per_image, absent, smooth),
            "alpha": alpha,
            "beta": beta,
            "exponent": exponent,
        }
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(tversky, own, options, reduction=reduction, name=name, dtype=dtype)
