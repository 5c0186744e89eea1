"""Cross-entropy with the easy pixels turned down."""

import keras
from keras import ops

from keras_seg import _validation
from keras_seg.losses.crossentropy import Crossentropy

# A share 1 - p below this counts as this: powers under 1 have no finite slope at 0.
_SMALLEST = 1e-12


def focal_crossentropy(y_true, y_pred, *, sample_weight=None, **arguments):
    """`FocalCrossentropy(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.5, 0.5]]]], "float32")
        >>> round(float(focal_crossentropy(np.array([[[0]]]), probabilities)), 4)  # 0.5^2 log 2
        0.1733
    """
    return FocalCrossentropy(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class FocalCrossentropy(Crossentropy):
    """Cross-entropy in which pixels that are right already count less: `(1 - p_t)^gamma (-log p_t)`.

    `L = 1/N sum_i v_i sum_c w_c t_ic (1 - p_ic)^gamma (-log p_ic)`, of a softmax; of a sigmoid (`mode="binary"` or
    "multilabel") `t (1 - p)^gamma (-log p) + (1 - t) p^gamma (-log(1 - p))`. The reference's alpha is a class weight:
    its 0.25 for a binary loss is `class_weights=(0.75, 0.25)`. With gamma 0 it is `Crossentropy`. The mean divides by
    the number N of pixels that count, not by the number of positives as detectors do.

    A batch in which every pixel is ignored has the loss 0, and gradient 0. Empty classes do not enter.

    Args:
        gamma: float >= 0, how fast a pixel fades as it gets right. Defaults to 2.0.
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, one for each class, (background, foreground) with "binary"; or
            the name of a rule for `adapt`. Defaults to None.
        from_logits: bool, whether predictions are logits. Defaults to False.
        label_smoothing: float in [0, 1], the share of each label given equally to all classes. Defaults to 0.0.
        mode: str, "auto", "multiclass", "binary" or "multilabel"; see `SegmentationLoss`. Defaults to "auto".
        reduction: as for `Crossentropy`. Defaults to "sum_over_batch_size".
        name: str, name of the loss. Defaults to "focal_crossentropy".

    Call arguments:
        y_true, y_pred, sample_weight: as for `Crossentropy`.

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes, labels or predictions that do not fit.

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
        gamma=2.0,
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        label_smoothing=0.0,
        mode="auto",
        reduction="sum_over_batch_size",
        name="focal_crossentropy",
    ):
        super().__init__(
            ignore_class=ignore_class,
            class_weights=class_weights,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            mode=mode,
            reduction=reduction,
            name=name,
        )
        self.gamma = _validation.number("gamma", gamma, minimum=0)

    def modulated(self, surprise):
        """(1 - p)^gamma (-log p) from -log p."""
        if self.gamma == 0:
            return surprise
        # expm1 keeps 1 - p exact where p is all but 1.
        return ops.maximum(-ops.expm1(-surprise), _SMALLEST) ** self.gamma * surprise

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "gamma": self.gamma}
