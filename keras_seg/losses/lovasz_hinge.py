"""The Lovasz hinge."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.lovasz_loss import lovasz_loss
from keras_seg.losses.nll import of_channels
from keras_seg.losses.overlap_loss import checked_overlap_arguments
from keras_seg.losses.pixels import read
from keras_seg.losses.segmentation_loss import FunctionLoss


def lovasz_hinge(
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
    """`LovaszHinge` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> logits = np.array([3, -3], "float32").reshape(1, 1, 2, 1)
        >>> float(lovasz_hinge(np.array([[[1, 0]]]), logits, from_logits=True))  # both beyond the margin
        0.0
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
    if not pixels.by_channel:
        _validation.fail(
            "mode",
            'must be "binary" or "multilabel" for a hinge',
            pixels.mode,
            "Use LovaszSoftmax for classes that exclude each other.",
        )
    logits = pixels.scores
    if not pixels.from_logits:
        yes, no = of_channels(pixels)
        logits = no - yes
    errors = 1 - logits * (2 * pixels.hard_target() - 1)
    return lovasz_loss(pixels, errors, per_image=per_image, absent=absent, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class LovaszHinge(FunctionLoss):
    """The Lovasz hinge, for binary and multi-label masks: the Jaccard loss's surrogate on margins of logits.

    `L = sum_i relu(e_(i)) g_i` with the errors `e_i = 1 - z_i (2 t_i - 1)` of logits z in descending order and `g_i`
    the growth of 1 - Jaccard when the i-th pixel in that order is wrong too; with "multilabel", the mean over channels.
    Soft labels are rounded, 0.5 is foreground. Logits of probabilities are `log p - log(1 - p)`, clipped at
    `keras.config.epsilon()`. `absent="count"` gives the largest error, as in the authors' code.

    All arguments: see `LovaszSoftmax`.

    Examples:
        >>> import numpy as np
        >>> loss = LovaszHinge(from_logits=True)
        >>> logits = np.array([2, -1, 0.5, -2], "float32").reshape(1, 1, 4, 1)
        >>> float(loss(np.array([[[1, 1, 0, 0]]]), logits))
        1.25

    Reference:
        - [Yu and Blaschko, 2015](https://proceedings.mlr.press/v37/yub15.html), section 4;
          [Berman et al., 2018](https://arxiv.org/abs/1705.08790), section 2.2.
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
        name: str | None = "lovasz_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            lovasz_hinge,
            checked_overlap_arguments(per_image, absent),
            from_logits=from_logits,
            ignore_class=ignore_class,
            class_weights=class_weights,
            mode=mode,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
