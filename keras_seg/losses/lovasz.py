"""The Lovasz losses: convex surrogates of the Jaccard loss, for a softmax and for the hinge of a sigmoid."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.lovasz_extension import extension, sorted_extension
from keras_seg.losses.nll import of_channels
from keras_seg.losses.overlap_loss import (
    checked_overlap_arguments,
    finish,
    mean_over_classes,
    resolve_absent,
    split_weights,
)
from keras_seg.losses.pixels import Options, Pixels, read
from keras_seg.losses.segmentation_loss import FunctionLoss


def lovasz_loss(
    pixels: Pixels,
    errors: Tensor,
    extension: Callable[[Tensor, Tensor, Tensor], Tensor],
    *,
    per_image: bool,
    absent: str | None,
    reduction: str | None,
) -> Tensor:
    """The mean over classes of the Lovasz extension of `errors`, which have the shape of the predictions."""
    checked_overlap_arguments(per_image, absent)
    pixel_weights, image_weights = split_weights(pixels, per_image=per_image)
    weights = ops.broadcast_to(pixels.mask(pixel_weights), ops.shape(errors))

    def rows(x: Tensor) -> Tensor:
        """(channels, pixels), or (batch * channels, pixels)."""
        batch, height, width, channels = ops.shape(x)
        if per_image:
            return ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (batch * channels, height * width))
        return ops.reshape(ops.transpose(x, (3, 0, 1, 2)), (channels, batch * height * width))

    errors, truth, weights = rows(errors), rows(pixels.hard_target()), rows(weights)
    losses, counts, total = (
        extension(errors, truth, weights),
        ops.sum(truth * weights, axis=-1),
        ops.sum(weights, axis=-1),
    )
    if per_image:
        losses, counts, total = (ops.reshape(x, (-1, pixels.channels)) for x in (losses, counts, total))
    present = counts > 0
    rule = resolve_absent(absent, pixels)
    if rule == "zero":
        losses = ops.where(present, losses, 1.0)
    enters = present if rule == "skip" else ops.ones_like(present)
    losses = mean_over_classes(losses, pixels.counted_classes(), enters, total > 0)
    return finish(losses, pixels, image_weights, per_image=per_image, reduction=reduction)


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
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)
    errors = ops.abs(pixels.hard_target() - pixels.probabilities())
    return lovasz_loss(pixels, errors, extension, per_image=per_image, absent=absent, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class LovaszSoftmax(FunctionLoss):
    """The Lovasz-softmax loss: the convex surrogate of the Jaccard loss, equal to 1 - IoU on hard predictions.

    `L = sum_c w_c sum_i e_(i)c g_ic / sum_c w_c` with the errors `e_ic = |t_ic - p_ic|` in descending order and
    `g_ic` the growth of 1 - Jaccard when the i-th pixel in that order is wrong too. For a sigmoid (`mode="binary"` or
    "multilabel") p are its probabilities. Soft labels are rounded: the largest, or those from 0.5 on, is the truth.

    Ignored pixels have no weight; ignored classes in the range are excluded from the mean. From 16,384 pixels on, their
    order comes from a histogram of the errors, if the loss is then within 1e-6 of that of sorted pixels; a bound that
    is computed each time says so.

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
        own = checked_overlap_arguments(per_image, absent)
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(lovasz_softmax, own, options, reduction=reduction, name=name, dtype=dtype)


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
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)
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
    return lovasz_loss(pixels, errors, sorted_extension, per_image=per_image, absent=absent, reduction=reduction)


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
        own = checked_overlap_arguments(per_image, absent)
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(lovasz_hinge, own, options, reduction=reduction, name=name, dtype=dtype)
