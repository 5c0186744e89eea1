"""One minus the soft Tversky index, with the focal form."""

import keras
from keras import ops

from keras_seg import _validation
from keras_seg.losses import overlap_loss

# Below this 1 - TI is raised to no power but continued in a straight line, whose slope is finite.
_STRAIGHT = 1e-6


def tversky(y_true, y_pred, *, sample_weight=None, **arguments):
    """`Tversky(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75], [0.5]]]], "float32")
        >>> round(float(tversky(np.array([[[1, 0]]]), probabilities, alpha=1, beta=1)), 4)  # 1 - 0.75 / 1.5
        0.5
    """
    return Tversky(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class Tversky(overlap_loss.OverlapLoss):
    """One minus the soft Tversky index, averaged over classes; false positives and negatives have prices of their own.

    `TI_c = I_c / (I_c + alpha FP_c + beta FN_c)` with `I_c = sum p_c t_c`, `FP_c = sum p_c (1 - t_c)`, `FN_c = sum
    (1 - p_c) t_c` over the pixels of the batch, and `L = sum_c w_c (1 - TI_c)^exponent / sum_c w_c`.
    `alpha = beta = 0.5` is `SoftDice`, `alpha = beta = 1` is `SoftIoU`; `beta > alpha` makes missed pixels dearer than
    false ones, for recall on small classes. An exponent other than 1 is the focal Tversky loss. Below `1 - TI = 1e-6`,
    where an exponent under 1 has no finite slope, a straight line takes over.

    Ignored pixels are left out of all sums; ignored classes inside the range are left out of the mean. A batch in which
    every pixel is ignored has the loss 0, and gradient 0.

    Args:
        alpha: float >= 0, weight of false positives. Defaults to 0.3.
        beta: float >= 0, weight of false negatives. Defaults to 0.7.
        exponent: float > 0 that `1 - TI` is raised to; 0.75 in the reference, where it is written 1 / gamma with gamma
            4 / 3. Defaults to 1.0.
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
        name: str, name of the loss. Defaults to "tversky".

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
        alpha=0.3,
        beta=0.7,
        exponent=1.0,
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        per_image=False,
        absent="skip",
        smooth=0.0,
        mode="auto",
        reduction="sum_over_batch_size",
        name="tversky",
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
        self.alpha = _validation.number("alpha", alpha, minimum=0)
        self.beta = _validation.number("beta", beta, minimum=0)
        if self.alpha == self.beta == 0:
            _validation.fail("alpha", "and `beta` must not both be 0: every prediction would be right", alpha)
        self.exponent = _validation.number("exponent", exponent, minimum=0)
        if self.exponent == 0:
            _validation.fail("exponent", "must be above 0", exponent)

    def class_losses(self, overlap):
        """(1 - I / (I + alpha FP + beta FN)) ** exponent."""
        false_positives = overlap.predicted - overlap.intersection
        false_negatives = overlap.target - overlap.intersection
        total = overlap.intersection + self.alpha * false_positives + self.beta * false_negatives
        # With beta 0 the total may be 0 although the class is present; then nothing of it was predicted.
        present = ops.logical_and(overlap.target > 0, total + self.smooth > 0)
        losses = 1 - overlap_loss.ratio(overlap.intersection + self.smooth, total + self.smooth, present)
        if self.exponent == 1:
            return losses
        straight = losses * _STRAIGHT ** (self.exponent - 1)
        return ops.where(losses > _STRAIGHT, ops.maximum(losses, _STRAIGHT) ** self.exponent, straight)

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta, "exponent": self.exponent}
