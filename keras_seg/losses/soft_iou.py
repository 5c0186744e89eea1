"""One minus the soft intersection over union."""

import keras

from keras_seg.losses import overlap_loss


def soft_iou(y_true, y_pred, *, sample_weight=None, **arguments):
    """`SoftIoU(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75, 0.25], [0.5, 0.5]]]], "float32")
        >>> float(soft_iou(np.array([[[0, 0]]]), probabilities))  # I 1.25, P 1.25, T 2: 1 - 1.25 / 2
        0.375
    """
    return SoftIoU(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class SoftIoU(overlap_loss.OverlapLoss):
    """One minus the soft intersection over union (Jaccard index), averaged over classes.

    `J_c = I_c / (P_c + T_c - I_c)` with `I_c = sum p_c t_c`, `P_c = sum p_c`, `T_c = sum t_c` over the pixels of the
    batch, and `L = sum_c w_c (1 - J_c) / sum_c w_c`. Ignored pixels are left out of I, P and T; ignored classes inside
    the range are left out of the mean. A batch in which every pixel is ignored has the loss 0, and gradient 0.

    Labels are checked as by `Crossentropy`: a label that is neither a class nor ignored raises an error eagerly and
    makes the loss NaN in a compiled graph.

    Args:
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, the weights of the classes in the mean. Defaults to None.
        from_logits: bool, whether predictions are logits; softmax or sigmoid is then applied. Defaults to False.
        per_image: bool, sum over the pixels of each image and average the images' losses, those without a valid pixel
            left out, rather than sum over the batch. Defaults to False.
        absent: str, what a class does that has no pixel in the target of the batch (or image). "skip": it is left out
            of the mean. "zero": its J is 0, its loss 1, whatever is predicted; that is what the formula gives, and it
            has no gradient. "count": its loss is the mean probability it was given, `P_c / pixels`: 0 when nothing is
            predicted, 1 when everything is. Defaults to "skip".
        smooth: float >= 0, pixels added to I and to the union of classes that are present. Defaults to 0.0.
        mode: str, "auto", "multiclass", "binary" or "multilabel"; see `SegmentationLoss`. With "binary" the foreground
            is the one class. Defaults to "auto".
        reduction: with `per_image`, as for `Crossentropy` over images; without it there is one number and all are
            equal. Defaults to "sum_over_batch_size".
        name: str, name of the loss. Defaults to "soft_iou".

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height,
            width, classes).
        y_pred: probabilities or logits (batch, height, width, classes).
        sample_weight: None, (batch,), (batch, height, width) or (batch, height, width, 1): weights of the pixels in I,
            P and T. With `per_image`, weights of shape (batch,) weight the images' losses.

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes or labels that do not fit.

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
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        per_image=False,
        absent="skip",
        smooth=0.0,
        mode="auto",
        reduction="sum_over_batch_size",
        name="soft_iou",
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
        """1 - I / (P + T - I)."""
        union = overlap.predicted + overlap.target - overlap.intersection
        return 1 - overlap_loss.ratio(overlap.intersection + self.smooth, union + self.smooth, overlap.target > 0)
