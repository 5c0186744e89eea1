"""The Lovasz hinge."""

import keras

from keras_seg import _validation
from keras_seg.losses import nll
from keras_seg.losses.lovasz_loss import LovaszLoss


def lovasz_hinge(y_true, y_pred, *, sample_weight=None, **arguments):
    """`LovaszHinge(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> logits = np.array([3, -3], "float32").reshape(1, 1, 2, 1)
        >>> float(lovasz_hinge(np.array([[[1, 0]]]), logits, from_logits=True))  # both beyond the margin
        0.0
    """
    return LovaszHinge(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class LovaszHinge(LovaszLoss):
    """The Lovasz hinge, for binary and multi-label masks: the Jaccard loss's surrogate on margins of logits.

    `L = sum_i relu(e_(i)) g_i` with the errors `e_i = 1 - z_i (2 t_i - 1)` of logits z in descending order and `g_i`
    the growth of 1 - Jaccard when the i-th pixel in that order is got wrong too; with "multilabel", the mean over
    channels. Soft labels are rounded, 0.5 is foreground.

    Ignored pixels have no weight. A batch in which every pixel is ignored has the loss 0, and gradient 0.

    Args:
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, the weights of the classes in the mean, or the name of a rule
            for `adapt`. Defaults to None.
        from_logits: bool, whether predictions are logits. Logits of probabilities are `log p - log(1 - p)`, clipped at
            `keras.config.epsilon()`. Defaults to False.
        per_image: bool, sort the pixels of each image and average the images' losses, those without a valid pixel
            left out, rather than sort the batch. Defaults to False.
        absent: str, what a channel does that has no pixel in the target of the batch (or image). "skip": it is left out
            of the mean; of a binary mask nothing is left then, so false alarms on empty images cost nothing. "zero":
            its loss is 1 whatever is predicted, without a gradient. "count": what the formula gives, as in the authors'
            code: the largest error. Defaults to "count".
        mode: str, "auto", "binary" or "multilabel"; see `SegmentationLoss`. Defaults to "auto".
        reduction: with `per_image`, as for `Crossentropy` over images; without it there is one number and all are
            equal. Defaults to "sum_over_batch_size".
        name: str, name of the loss. Defaults to "lovasz_hinge".

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
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        per_image=False,
        absent="count",
        mode="auto",
        reduction="sum_over_batch_size",
        name="lovasz_hinge",
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
        """1 - z (2 t - 1)."""
        if not pixels.by_channel:
            _validation.fail(
                "mode",
                'must be "binary" or "multilabel" for a hinge',
                pixels.mode,
                "Use LovaszSoftmax for classes that exclude each other.",
            )
        logits = pixels.scores
        if not pixels.from_logits:
            yes, no = nll.of_channels(pixels)
            logits = no - yes
        return 1 - logits * (2 * truth - 1)
