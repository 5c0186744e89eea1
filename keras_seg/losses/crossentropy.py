"""Cross-entropy over the pixels that are not ignored: all of them, the difficult ones more, or the hardest only."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses import nll
from keras_seg.losses.nll import pixel_loss
from keras_seg.losses.pixels import Options, read
from keras_seg.losses.reduction import reduce
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
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)
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
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        # The fast path of plain cross-entropy is not for functions of -log p.
        per_pixel = None if type(self).per_pixel is Crossentropy.per_pixel else self.per_pixel
        function = functools.partial(crossentropy, per_pixel=per_pixel)
        super().__init__(function, own, options, reduction=reduction, name=name, dtype=dtype)

    def per_pixel(self, nll: Tensor) -> Tensor:
        """The loss of a label from its -log p, elementwise; the identity here."""
        return nll


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
    label_smoothing = _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1)

    def fade(nll: Tensor) -> Tensor:
        """(1 - p)^gamma (-log p) from -log p."""
        # expm1 keeps 1 - p exact where p is all but 1.
        return ops.maximum(-ops.expm1(-nll), _SMALLEST) ** gamma * nll

    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)
    fading = fade if gamma else None
    return pixel_loss(pixels, label_smoothing=label_smoothing, per_pixel=fading, reduction=reduction)


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
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(focal_crossentropy, own, options, reduction=reduction, name=name, dtype=dtype)


def _checked(fraction: Any, threshold: Any, label_smoothing: Any, per_image: Any) -> dict[str, Any]:
    """The arguments that are this loss's own, checked."""
    fraction = _validation.number("fraction", fraction, minimum=0, maximum=1)
    if fraction == 0:
        _validation.fail("fraction", "must be above 0", fraction)
    if threshold is not None:
        threshold = _validation.number("threshold", threshold, minimum=0, maximum=1)
        if threshold == 0:
            _validation.fail("threshold", "must be above 0", threshold, "Pass None for no threshold.")
    return {
        "fraction": fraction,
        "threshold": threshold,
        "label_smoothing": _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1),
        "per_image": _validation.boolean("per_image", per_image),
    }


def hardest(losses: Tensor, counted: Tensor, fraction: float, threshold: float | None) -> Tensor:
    """The share, 0 to 1, with which each of `losses` (groups, pixels) is kept: 1 for the largest of those `counted`.

    Losses that tie for the last place share it, so the result does not depend on the sorting.
    """
    losses = ops.stop_gradient(losses)
    dtype = losses.dtype
    count = ops.sum(ops.cast(counted, "int32"), axis=-1, keepdims=True)
    # A thousandth of a pixel covers products such as 0.1 * 10, which may round to a value above 1.
    wanted = ops.ceil(ops.cast(count, dtype) * fraction - 1e-3)
    wanted = ops.minimum(ops.maximum(wanted, 1.0), ops.cast(ops.maximum(count, 1), dtype))
    ranked = ops.sort(ops.where(counted, losses, -1.0), axis=-1)
    place = losses.shape[-1] if losses.shape[-1] is not None else ops.shape(losses)[-1]
    last = ops.take_along_axis(ranked, place - ops.cast(wanted, "int32"), axis=-1)
    above = ops.logical_and(counted, losses > last)
    tied = ops.logical_and(counted, losses == last)
    free = wanted - ops.cast(ops.sum(ops.cast(above, "int32"), axis=-1, keepdims=True), dtype)
    ties = ops.cast(ops.sum(ops.cast(tied, "int32"), axis=-1, keepdims=True), dtype)
    kept = ops.where(above, 1.0, ops.where(tied, free / ops.maximum(ties, 1.0), 0.0))
    if threshold is not None:
        kept = ops.where(ops.logical_and(counted, losses > -math.log(threshold)), 1.0, kept)
    return kept


def ohem_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    sample_weight: Tensor = None,
    fraction: float = 0.25,
    threshold: float | None = None,
    from_logits: bool = False,
    ignore_class: IgnoreClass = None,
    class_weights: Sequence[float] | str | None = None,
    label_smoothing: float = 0.0,
    per_image: bool = False,
    mode: str = "auto",
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """`OHEMCrossentropy` as a function of labels and predictions; the arguments are those of the class.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.9, 0.1], [0.5, 0.5]]]], "float32")
        >>> round(float(ohem_crossentropy(np.array([[[0, 0]]]), probabilities, fraction=0.5)), 4)  # the second: log 2
        0.6931
    """
    own = _checked(fraction, threshold, label_smoothing, per_image)
    options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
    pixels = read(y_true, y_pred, sample_weight, options)
    plain = losses = nll.weighted_nll(pixels, label_smoothing=own["label_smoothing"])
    if pixels.class_weights is not None:
        losses = nll.weighted_nll(pixels, label_smoothing=own["label_smoothing"], class_weights=pixels.class_weights)
    counted, weights = nll.counted(pixels, plain), nll.sample_weights(pixels, plain)
    groups = (ops.shape(plain)[0], -1) if per_image else (1, -1)
    kept = hardest(ops.reshape(plain, groups), ops.reshape(counted, groups), own["fraction"], own["threshold"])
    kept = ops.reshape(kept, ops.shape(plain))
    return reading.poison(reduce(losses, kept, weights, reduction), pixels.labels)


@keras.saving.register_keras_serializable("keras_seg")
class OHEMCrossentropy(FunctionLoss):
    """Cross-entropy, averaged over the hardest pixels that are not ignored (online hard example mining, top-k).

    `L = 1/K sum_{i in H} v_i w_i (-log p_i)`, where H holds the K = ceil(fraction N) of the N counted pixels with the
    largest -log p, and with a threshold also all others whose label has a probability below it. Pixels are ranked by
    -log p alone; class and sample weights weigh the pixels that are kept. Pixels that tie for the last place share it.
    With `fraction=1` it is `Crossentropy`. Wrong labels are the hardest pixels of all: do not use it on noisy masks.

    Args:
        fraction: float in (0, 1]. Smallest share of the pixels that is kept. Defaults to 0.25.
        threshold: None or float in (0, 1]. Pixels whose label has a lower probability are kept too. Defaults to None.
        label_smoothing: float in [0, 1]. Share of each label given equally to all classes. Defaults to 0.0.
        per_image: bool. Whether to choose the hardest pixels per image rather than per batch. Defaults to False.

    Other arguments: see `SegmentationLoss`. With "multilabel" the hardest channels of all pixels are kept; the mean is
    over what is kept, and `reduction="none"` gives 0 for the rest.

    Examples:
        >>> import numpy as np
        >>> loss = OHEMCrossentropy(fraction=0.5, ignore_class=255)
        >>> labels = np.array([[[0, 0], [0, 0], [255, 255]]])
        >>> p = [[[0.9, 0.1], [0.8, 0.2]], [[0.5, 0.5], [0.25, 0.75]], [[0, 1], [0, 1]]]
        >>> round(float(loss(labels, np.array([p], "float32"))), 4)  # (log 2 + log 4) / 2
        1.0397

    Reference:
        - [Shrivastava et al., 2016](https://arxiv.org/abs/1604.03540), section 4;
          [Wu et al., 2016](https://arxiv.org/abs/1605.06885), section 3.2, for pixels, with a threshold.
    """

    def __init__(
        self,
        *,
        fraction: float = 0.25,
        threshold: float | None = None,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        label_smoothing: float = 0.0,
        per_image: bool = False,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ohem_crossentropy",
        dtype: Any = None,
    ) -> None:
        own = _checked(fraction, threshold, label_smoothing, per_image)
        options = Options(from_logits=from_logits, ignore_class=ignore_class, class_weights=class_weights, mode=mode)
        super().__init__(ohem_crossentropy, own, options, reduction=reduction, name=name, dtype=dtype)
