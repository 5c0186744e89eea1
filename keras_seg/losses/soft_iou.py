"""One minus the soft intersection over union."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.overlap_loss import Overlap, checked_overlap_arguments, overlap_loss, ratio
from keras_seg.losses.pixels import read
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
        super().__init__(
            soft_iou,
            checked_overlap_arguments(per_image, absent, smooth),
            from_logits=from_logits,
            ignore_class=ignore_class,
            class_weights=class_weights,
            mode=mode,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
