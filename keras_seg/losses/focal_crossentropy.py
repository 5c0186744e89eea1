"""Cross-entropy in which easy pixels weigh less."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.crossentropy import crossentropy
from keras_seg.losses.segmentation_loss import FunctionLoss

# A share 1 - p below this counts as this: powers under 1 have no finite slope at 0.
_SMALLEST = 1e-12


def focal_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    gamma: float = 2.0,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    label_smoothing: float = 0.0,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """`FocalCrossentropy` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.5, 0.5]]]], "float32")
        >>> round(float(focal_crossentropy(np.array([[[0]]]), probabilities)), 4)  # 0.5^2 log 2
        0.1733
    """
    gamma = _validation.number("gamma", gamma, minimum=0)

    def fade(nll: Tensor) -> Tensor:
        """(1 - p)^gamma (-log p) from -log p."""
        # expm1 keeps 1 - p exact where p is all but 1.
        return ops.maximum(-ops.expm1(-nll), _SMALLEST) ** gamma * nll

    return crossentropy(
        y_true,
        y_pred,
        sample_weight=sample_weight,
        from_logits=from_logits,
        ignore_class=ignore_class,
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        mode=mode,
        reduction=reduction,
        per_pixel=fade if gamma else None,
    )


@keras.saving.register_keras_serializable("keras_seg")
class FocalCrossentropy(FunctionLoss):
    """Cross-entropy in which pixels that are already right weigh less: `(1 - p_t)^gamma (-log p_t)`.

    `L = 1/N sum_i v_i sum_c w_c t_ic (1 - p_ic)^gamma (-log p_ic)` for a softmax; for a sigmoid (`mode="binary"` or
    "multilabel") `t (1 - p)^gamma (-log p) + (1 - t) p^gamma (-log(1 - p))`. The reference's alpha is a class weight:
    its 0.25 for a binary loss is `class_weights=(0.75, 0.25)`. With gamma 0 it is `Crossentropy`. The mean divides by
    the number N of pixels that are not ignored, not by the number of positives as detectors do.

    Args:
        gamma: float >= 0. How fast the weight of a pixel falls as its prediction improves. Defaults to 2.0.
        label_smoothing: float in [0, 1]. Share of each label given equally to all classes. Defaults to 0.0.

    Other arguments: see `SegmentationLoss`.

    Examples:
        >>> import numpy as np
        >>> loss = FocalCrossentropy(gamma=2.0, ignore_class=255)
        >>> labels = np.array([[[0, 1, 255]]])
        >>> probabilities = np.array([[[[0.9, 0.1], [0.5, 0.5], [1, 0]]]], "float32")
        >>> round(float(loss(labels, probabilities)), 4)  # (0.01 * 0.1054 + 0.25 * 0.6931) / 2
        0.0872

    Reference:
        - [Lin et al., 2017](https://arxiv.org/abs/1708.02002), section 3.
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        label_smoothing: float = 0.0,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        own = {
            "gamma": _validation.number("gamma", gamma, minimum=0),
            "label_smoothing": _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1),
        }
        super().__init__(
            focal_crossentropy,
            own,
            from_logits=from_logits,
            ignore_class=ignore_class,
            class_weights=class_weights,
            mode=mode,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
