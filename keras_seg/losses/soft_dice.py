"""One minus the soft Dice coefficient."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.overlap_loss import Overlap, checked_overlap_arguments, overlap_loss, ratio
from keras_seg.losses.pixels import read
from keras_seg.losses.segmentation_loss import FunctionLoss


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
        super().__init__(
            soft_dice,
            checked_overlap_arguments(per_image, absent, smooth),
            from_logits=from_logits,
            ignore_class=ignore_class,
            class_weights=class_weights,
            mode=mode,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
