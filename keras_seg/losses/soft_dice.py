"""One minus the soft Dice coefficient."""

import keras

from keras_seg.losses import overlap_loss


def soft_dice(y_true, y_pred, *, sample_weight=None, **arguments):
    """`SoftDice(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75], [0.25]]]], "float32")  # one channel: binary
        >>> float(soft_dice(np.array([[[1, 0]]]), probabilities))  # 1 - 2 * 0.75 / (1 + 1)
        0.25
    """
    return SoftDice(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class SoftDice(overlap_loss.OverlapLoss):
    """One minus the soft Dice coefficient, averaged over classes.

    `D_c = 2 I_c / (P_c + T_c)` with `I_c = sum p_c t_c`, `P_c = sum p_c`, `T_c = sum t_c` over the pixels of the batch,
    and `L = sum_c w_c (1 - D_c) / sum_c w_c`. It is `Tversky(alpha=0.5, beta=0.5)`, and `D = 2J / (1 + J)` of the J of
    `SoftIoU`. Ignored pixels are left out of I, P and T; ignored classes inside the range are left out of the mean. A
    batch in which every pixel is ignored has the loss 0, and gradient 0.

    Args:
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, the weights of the classes in the mean, or the name of a rule
            for `adapt`. Defaults to None.
        from_logits: bool, whether predictions are logits; softmax or sigmoid is then applied. Defaults to False.
        per_image: bool, sum over the pixels of each image and average the images' losses, those without a valid pixel
            left out, rather than sum over the batch. Defaults to False.
        absent: str, what a class does that has no pixel in the target of the batch (or image). "skip": it is left out
            of the mean. "zero": its loss is 1 whatever is predicted, without a gradient. "count": its loss is the mean
            probability it was given, `P_c / pixels`. Defaults to "skip".
        smooth: float >= 0, pixels added to the numerator and the denominator of classes that are present. Defaults to
            0.0.
        mode: str, "auto", "multiclass", "binary" or "multilabel"; see `SegmentationLoss`. With "binary" the foreground
            is the one class. Defaults to "auto".
        reduction: with `per_image`, as for `Crossentropy` over images; without it there is one number and all are
            equal. Defaults to "sum_over_batch_size".
        name: str, name of the loss. Defaults to "soft_dice".

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height,
            width, channels).
        y_pred: probabilities or logits (batch, height, width, channels), one channel for "binary".
        sample_weight: None, (batch,), (batch, height, width) or (batch, height, width, 1): weights of the pixels in
            the counts. With `per_image`, weights of shape (batch,) weight the images' losses.

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes, labels or predictions that do not fit.

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
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        per_image=False,
        absent="skip",
        smooth=0.0,
        mode="auto",
        reduction="sum_over_batch_size",
        name="soft_dice",
    ):
        super().__init__(
            ignore_class=ignore_class,
            class_weights=class_weights,
            from_logits=from_logits,
            per_image=per_image,
            absent=absent,
            smooth=smooth,
            mode=mode,
            reduction=reduction,
            name=name,
        )

    def class_losses(self, overlap):
        """1 - 2 I / (P + T)."""
        total = overlap.predicted + overlap.target
        return 1 - overlap_loss.ratio(2 * overlap.intersection + self.smooth, total + self.smooth, overlap.target > 0)
