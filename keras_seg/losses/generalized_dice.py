"""Dice over all classes at once, weighted by size."""

import keras
from keras import ops

from keras_seg import _validation
from keras_seg.losses import overlap_loss


def generalized_dice(y_true, y_pred, *, sample_weight=None, **arguments):
    """`GeneralizedDice(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75], [0.25]]]], "float32")  # one channel: plain Dice
        >>> float(generalized_dice(np.array([[[1, 0]]]), probabilities))
        0.25
    """
    return GeneralizedDice(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class GeneralizedDice(overlap_loss.OverlapLoss):
    """One minus the generalized Dice: one ratio for all classes, small classes weighted up by their own size.

    `L = 1 - 2 sum_c v_c I_c / sum_c v_c (P_c + T_c)` with `v_c = w_c / T_c^power` and `I_c = sum p_c t_c`,
    `P_c = sum p_c`, `T_c = sum t_c` over the pixels of the batch. With power 2 every class that is present has the same
    say, whatever its size. Ignored pixels are left out of I, P and T; ignored classes inside the range are left out of
    the sums. A batch in which every pixel is ignored has the loss 0, and gradient 0.

    Args:
        power: float >= 0: 2 as in the reference, 1 for weights 1 / T, 0 for equal weights. Defaults to 2.0.
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, the weights of the classes in the mean, or the name of a rule
            for `adapt`. Defaults to None.
        from_logits: bool, whether predictions are logits; softmax or sigmoid is then applied. Defaults to False.
        per_image: bool, sum over the pixels of each image and average the images' losses, those without a valid pixel
            left out, rather than sum over the batch. Defaults to False.
        absent: str, what a class does that has no pixel in the target of the batch (or image). "skip": it is left out
            of the sums. "count": it has the weight of the smallest class that is present, so that what is predicted of
            it enters the denominator (as in MONAI); with no class present there is no such weight and the loss is 0.
            There is no "zero", as classes have no losses of their own here. Defaults to "skip".
        smooth: float >= 0, added to the numerator and the denominator, in pixels of the smallest class that is present.
            Defaults to 0.0.
        mode: str, "auto", "multiclass", "binary" or "multilabel"; see `SegmentationLoss`. With "binary" the foreground
            is the one class. Defaults to "auto".
        reduction: with `per_image`, as for `Crossentropy` over images; without it there is one number and all are
            equal. Defaults to "sum_over_batch_size".
        name: str, name of the loss. Defaults to "generalized_dice".

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
        >>> loss = GeneralizedDice()
        >>> labels = np.array([[[0, 0], [0, 1]]])  # T: 3 and 1, v: 1 / 9 and 1
        >>> probabilities = np.array([[[[1, 0], [1, 0]], [[1, 0], [0.5, 0.5]]]], "float32")  # I: 3, 0.5; P: 3.5, 0.5
        >>> round(float(loss(labels, probabilities)), 4)  # 1 - 2 * (3 / 9 + 0.5) / (6.5 / 9 + 1.5)
        0.25

    Reference:
        - [Sudre et al., 2017](https://arxiv.org/abs/1707.03237), section 2.1.
    """

    def __init__(
        self,
        *,
        power=2.0,
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        per_image=False,
        absent="skip",
        smooth=0.0,
        mode="auto",
        reduction="sum_over_batch_size",
        name="generalized_dice",
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
            allowed=("skip", "count"),
        )
        self.power = _validation.number("power", power, minimum=0)

    def combine(self, overlap, judged):
        """The one ratio of all classes."""
        present = ops.logical_and(overlap.target > 0, judged > 0)
        # Relative to the smallest class, so that no weight underflows: the scale cancels out.
        size = ops.where(present, overlap.target, float("inf"))
        smallest = ops.min(size, axis=-1, keepdims=True)
        something = ops.isfinite(smallest)
        smallest = ops.where(something, smallest, 1.0)
        weights = (smallest / ops.where(present, size, smallest)) ** self.power
        counted = present if self.absent == "skip" else something
        weights = ops.where(counted, weights * judged, 0.0)
        numerator = 2 * ops.sum(weights * overlap.intersection, axis=-1) + self.smooth
        denominator = ops.sum(weights * (overlap.predicted + overlap.target), axis=-1) + self.smooth
        something = ops.squeeze(something, axis=-1)
        return ops.where(something, 1 - numerator / ops.where(something, denominator, 1.0), 0.0)

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "power": self.power}
