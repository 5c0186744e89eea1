"""The Lovasz-softmax loss."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.lovasz_loss import lovasz_loss
from keras_seg.losses.overlap_loss import checked_overlap_arguments
from keras_seg.losses.pixels import read
from keras_seg.losses.segmentation_loss import FunctionLoss


def lovasz_softmax(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    per_image: bool = False,
    absent: str | None = None,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """`LovaszSoftmax` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> hard = np.array([[[[1, 0], [1, 0], [0, 1]]]], "float32")
        >>> round(float(lovasz_softmax(np.array([[[0, 1, 1]]]), hard)), 4)  # IoU 1/2 and 1/2
        0.5
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
    errors = ops.abs(pixels.hard_target() - pixels.probabilities())
    return lovasz_loss(pixels, errors, per_image=per_image, absent=absent, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class LovaszSoftmax(FunctionLoss):
    """The Lovasz-softmax loss: the convex surrogate of the Jaccard loss, equal to 1 - IoU on hard predictions.

    `L = sum_c w_c sum_i e_(i)c g_ic / sum_c w_c` with the errors `e_ic = |t_ic - p_ic|` in descending order and
    `g_ic` the growth of 1 - Jaccard when the i-th pixel in that order is wrong too. For a sigmoid (`mode="binary"` or
    "multilabel") p are its probabilities. Soft labels are rounded: the largest, or those from 0.5 on, is the truth.

    Ignored pixels have no weight; ignored classes in the range are excluded from the mean. All pixels are sorted for
    every class: on a CPU it costs over ten times the cross-entropy, and it is best added to that, or used to fine-tune.

    Args:
        per_image: bool. Whether to sort the pixels of each image and average the losses of the images with a valid
            pixel, rather than to sort those of the batch. Defaults to False.
        absent: None or str. What a class without a pixel in the target of the batch (or image) does. "skip": it is
            excluded from the mean (`classes="present"` in the authors' code). "zero": its loss is 1, without a
            gradient, whatever is predicted. "count": what the formula gives (`classes="all"`), the largest probability
            given to it. None: "skip" for classes that exclude each other, "count" for binary and multi-label masks.
            Defaults to None.

    Other arguments: see `SegmentationLoss`.

    Examples:
        >>> import numpy as np
        >>> p = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0.6, 0.3, 0.1]]
        >>> labels = np.array([[[0, 1, 0, 1, 1]]])
        >>> round(float(LovaszSoftmax()(labels, np.array([[p]], "float32"))), 6)
        0.566667

    Reference:
        - [Berman et al., 2018](https://arxiv.org/abs/1705.08790), section 3.
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        per_image: bool = False,
        absent: str | None = None,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "lovasz_softmax",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            lovasz_softmax,
            checked_overlap_arguments(per_image, absent),
            from_logits=from_logits,
            ignore_class=ignore_class,
            class_weights=class_weights,
            mode=mode,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
