"""Cross-entropy over the hardest pixels only."""

import math

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg.losses import nll
from keras_seg.losses.reduction import reduce
from keras_seg.losses.segmentation_loss import SegmentationLoss


def ohem_crossentropy(y_true, y_pred, *, sample_weight=None, **arguments):
    """`OHEMCrossentropy(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.9, 0.1], [0.5, 0.5]]]], "float32")
        >>> round(float(ohem_crossentropy(np.array([[[0, 0]]]), probabilities, fraction=0.5)), 4)  # the second: log 2
        0.6931
    """
    return OHEMCrossentropy(**arguments).call(y_true, y_pred, sample_weight)


def hardest(losses, counted, fraction, threshold):
    """The share, 0 to 1, that each of `losses` (groups, pixels) is kept with: the largest of those `counted`.

    Those that tie with the last one kept share its places, so that what is kept does not depend on the sorting.
    """
    losses = ops.stop_gradient(losses)
    dtype = losses.dtype
    count = ops.sum(ops.cast(counted, "int32"), axis=-1, keepdims=True)
    # A thousandth of a pixel is for products such as 0.1 * 10, which may come out above 1.
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


@keras.saving.register_keras_serializable("keras_seg")
class OHEMCrossentropy(SegmentationLoss):
    """Cross-entropy, averaged over the hardest pixels that are not ignored (online hard example mining, top-k).

    `L = 1/K sum_{i in H} v_i w_i (-log p_i)`, where H are the K = ceil(fraction N) pixels of the N that count whose
    -log p is largest, and with a threshold also all others whose label has a probability below it. Pixels are ranked by
    -log p alone; class and sample weights weigh what is kept. Pixels that tie for the last place share it. With
    `fraction=1` it is `Crossentropy`.

    A batch in which every pixel is ignored has the loss 0, and gradient 0. Empty classes do not enter. Wrong labels are
    the hardest pixels of all: do not use it on noisy masks.

    Args:
        fraction: float in (0, 1], the share of the pixels that is kept at least. Defaults to 0.25.
        threshold: None or float in (0, 1], a probability: pixels whose label is given less are kept too. Defaults to
            None.
        per_image: bool, choose the hardest of each image, rather than of the batch. Defaults to False.
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, one for each class, (background, foreground) with "binary"; or
            the name of a rule for `adapt`. Defaults to None.
        from_logits: bool, whether predictions are logits. Defaults to False.
        label_smoothing: float in [0, 1], the share of each label given equally to all classes. Defaults to 0.0.
        mode: str, "auto", "multiclass", "binary" or "multilabel"; see `SegmentationLoss`. With "multilabel" the hardest
            channels of all pixels are kept. Defaults to "auto".
        reduction: as for `Crossentropy`; the mean is over what is kept, and "none" gives 0 for the rest. Defaults to
            "sum_over_batch_size".
        name: str, name of the loss. Defaults to "ohem_crossentropy".

    Call arguments:
        y_true, y_pred, sample_weight: as for `Crossentropy`.

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes, labels or predictions that do not fit.

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
        fraction=0.25,
        threshold=None,
        per_image=False,
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        label_smoothing=0.0,
        mode="auto",
        reduction="sum_over_batch_size",
        name="ohem_crossentropy",
    ):
        super().__init__(
            ignore_class=ignore_class,
            class_weights=class_weights,
            from_logits=from_logits,
            mode=mode,
            reduction=reduction,
            name=name,
        )
        self.fraction = _validation.number("fraction", fraction, minimum=0, maximum=1)
        if self.fraction == 0:
            _validation.fail("fraction", "must be above 0", fraction)
        self.threshold = threshold
        if threshold is not None:
            self.threshold = _validation.number("threshold", threshold, minimum=0, maximum=1)
            if self.threshold == 0:
                _validation.fail("threshold", "must be above 0", threshold, "Pass None for no threshold.")
        if not isinstance(per_image, bool):
            _validation.fail("per_image", "must be True or False", per_image)
        self.per_image = per_image
        self.label_smoothing = _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1)

    def call(self, y_true, y_pred, sample_weight=None):
        """The loss, reduced."""
        pixels = self.read(y_true, y_pred, sample_weight)
        plain = nll.surprises(pixels, self.label_smoothing)
        losses = plain
        if pixels.class_weights is not None:
            losses = nll.surprises(pixels, self.label_smoothing, None, pixels.class_weights)
        counted, weights = nll.counted(pixels, plain), nll.sample_weights(pixels, plain)
        groups = (ops.shape(plain)[0], -1) if self.per_image else (1, -1)
        kept = hardest(ops.reshape(plain, groups), ops.reshape(counted, groups), self.fraction, self.threshold)
        kept = ops.reshape(kept, ops.shape(plain))
        return reading.poison(reduce(losses, kept, weights, self.reduction), pixels.labels)

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "fraction": self.fraction,
            "threshold": self.threshold,
            "per_image": self.per_image,
            "label_smoothing": self.label_smoothing,
        }
