"""The Lovasz-softmax loss."""

import keras
from keras import ops

from keras_seg.losses.lovasz_loss import LovaszLoss


def lovasz_softmax(y_true, y_pred, *, sample_weight=None, **arguments):
    """`LovaszSoftmax(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> hard = np.array([[[[1, 0], [1, 0], [0, 1]]]], "float32")
        >>> round(float(lovasz_softmax(np.array([[[0, 1, 1]]]), hard)), 4)  # IoU 1/2 and 1/2
        0.5
    """
    return LovaszSoftmax(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class LovaszSoftmax(LovaszLoss):
    """The Lovasz-softmax loss: the convex surrogate of the Jaccard loss, equal to 1 - IoU on hard predictions.

    `L = sum_c w_c sum_i e_(i)c g_ic / sum_c w_c` with the errors `e_ic = |t_ic - p_ic|` in descending order and
    `g_ic` the growth of 1 - Jaccard when the i-th pixel in that order is got wrong too. Of a sigmoid (`mode="binary"`
    or "multilabel") p are its probabilities. Soft labels are rounded: the largest, or those from 0.5 on, is the truth.

    Ignored pixels have no weight; ignored classes inside the range are left out of the mean. A batch in which every
    pixel is ignored has the loss 0, and gradient 0. It sorts all pixels for every class: on a CPU it costs over ten
    times the cross-entropy, and it is best added to that, or used to fine-tune.

    Args:
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, the weights of the classes in the mean, or the name of a rule
            for `adapt`. Defaults to None.
        from_logits: bool, whether predictions are logits; softmax or sigmoid is then applied. Defaults to False.
        per_image: bool, sort the pixels of each image and average the images' losses, those without a valid pixel
            left out, rather than sort the batch. Defaults to False.
        absent: str, what a class does that has no pixel in the target of the batch (or image). "skip": it is left out
            of the mean (`classes="present"` of the authors' code). "zero": its loss is 1 whatever is predicted, without
            a gradient. "count": what the formula gives (`classes="all"`), the largest probability given to it. Defaults
            to "skip".
        mode: str, "auto", "multiclass", "binary" or "multilabel"; see `SegmentationLoss`. With "binary" the foreground
            is the one class. Defaults to "auto".
        reduction: with `per_image`, as for `Crossentropy` over images; without it there is one number and all are
            equal. Defaults to "sum_over_batch_size".
        name: str, name of the loss. Defaults to "lovasz_softmax".

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height,
            width, channels).
        y_pred: probabilities or logits (batch, height, width, channels), one channel for "binary".
        sample_weight: None, (batch,), (batch, height, width) or (batch, height, width, 1): weights of the pixels in
            the Jaccard index. With `per_image`, weights of shape (batch,) weight the images' losses.

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes, labels or predictions that do not fit.

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
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        per_image=False,
        absent="skip",
        mode="auto",
        reduction="sum_over_batch_size",
        name="lovasz_softmax",
    ):
        super().__init__(
            ignore_class=ignore_class,
            class_weights=class_weights,
            from_logits=from_logits,
            per_image=per_image,
            absent=absent,
            mode=mode,
            reduction=reduction,
            name=name,
        )

    def errors(self, pixels, truth):
        """|t - p|."""
        return ops.abs(truth - pixels.probabilities())
