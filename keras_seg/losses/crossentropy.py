"""Cross-entropy over the pixels that are not ignored."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.nll import pixel_loss
from keras_seg.losses.pixels import read
from keras_seg.losses.segmentation_loss import FunctionLoss


def crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    label_smoothing: float = 0.0,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
    per_pixel: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """`Crossentropy` as a function of labels and predictions; the arguments are those of the class.

    Args:
        per_pixel: None or a function of -log p of a label, elementwise, that gives the loss instead. Defaults to None.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.8, 0.2], [0.5, 0.5]]]], "float32")
        >>> round(float(crossentropy(np.array([[[0, 255]]]), probabilities, ignore_class=255)), 4)  # -log(0.8)
        0.2231
    """
    label_smoothing = _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1)
    pixels = read(
        y_true,
        y_pred,
        sample_weight,
        from_logits=from_logits,
        ignore_class=ignore_class,
        class_weights=class_weights,
        mode=mode,
    )
    return pixel_loss(pixels, label_smoothing=label_smoothing, per_pixel=per_pixel, reduction=reduction)


@keras.saving.register_keras_serializable("keras_seg")
class Crossentropy(FunctionLoss):
    """Cross-entropy, averaged over the pixels that are not ignored.

    `L = 1/N sum_i v_i sum_c w_c t_ic (-log p_ic)`, over pixels i and classes c: p predictions, t labels, one-hot,
    `t = (1 - s) onehot + s / classes` with label smoothing s; w class weights, v sample weights; N the number of pixels
    that are not ignored, whatever the weights. That is Caffe's convention; with class weights torch divides by
    the sum of the pixels' weights instead, which scales the same gradient.

    For a sigmoid (`mode="binary"` or "multilabel") it is `-t log p - (1 - t) log(1 - p)`, averaged over pixels, or over
    the channels of all pixels. Classes without a pixel have no effect.

    A subclass that defines `per_pixel(nll)` changes what becomes of -log p and inherits everything else.

    Args:
        label_smoothing: float in [0, 1]. Share of each label given equally to all classes. Defaults to 0.0.

    Other arguments: see `SegmentationLoss`. Probabilities are clipped at `keras.config.epsilon()` in the loss's value;
    the gradient continues below. `reduction="none"` gives (batch, height, width), (..., channels) with "multilabel".

    Examples:
        >>> import numpy as np
        >>> loss = Crossentropy(ignore_class=255)
        >>> labels = np.array([[[0, 1], [1, 255]]])
        >>> probabilities = np.array([[[[0.8, 0.2], [0.5, 0.5]], [[0.5, 0.5], [0.9, 0.1]]]], "float32")
        >>> round(float(loss(labels, probabilities)), 4)  # (-log .8 - 2 log .5) / 3
        0.5365

    Reference:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 4; the division by valid pixels is that of
          Caffe's SoftmaxWithLoss layer, `normalization: VALID`.
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        label_smoothing: float = 0.0,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "crossentropy",
        dtype: Any = None,
    ) -> None:
        own = {"label_smoothing": _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1)}
        super().__init__(
            functools.partial(crossentropy, per_pixel=self.per_pixel),
            own,
            from_logits=from_logits,
            ignore_class=ignore_class,
            class_weights=class_weights,
            mode=mode,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )

    def per_pixel(self, nll: Tensor) -> Tensor:
        """The loss of a label from its -log p, elementwise; the identity here."""
        return nll
