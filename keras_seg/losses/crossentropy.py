"""Cross-entropy over the pixels that count."""

import keras

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg.losses import nll
from keras_seg.losses.reduction import reduce
from keras_seg.losses.segmentation_loss import SegmentationLoss


def crossentropy(y_true, y_pred, *, sample_weight=None, **arguments):
    """`Crossentropy(**arguments)` of labels and predictions, without an object to keep.

    Examples:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.8, 0.2], [0.5, 0.5]]]], "float32")
        >>> round(float(crossentropy(np.array([[[0, 255]]]), probabilities, ignore_class=255)), 4)  # -log(0.8)
        0.2231
    """
    return Crossentropy(**arguments).call(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable("keras_seg")
class Crossentropy(SegmentationLoss):
    """Cross-entropy, averaged over the pixels that are not ignored.

    `L = 1/N sum_i v_i sum_c w_c t_ic (-log p_ic)`, over pixels i and classes c: p predictions, t labels, one-hot,
    `t = (1 - s) onehot + s / classes` with label smoothing s; w class weights, v sample weights; N the number of pixels
    that are not ignored, whatever the weights. That is Caffe's convention; with class weights torch divides by
    the sum of the pixels' weights instead, which scales the same gradient.

    Of a sigmoid (`mode="binary"` or "multilabel") it is `-t log p - (1 - t) log(1 - p)`, averaged over pixels, or over
    the channels of all pixels.

    A batch in which every pixel is ignored has the loss 0, and gradient 0. Empty classes do not enter. A label that is
    neither a class nor ignored raises an error when executed eagerly; in a compiled graph, where nothing can be raised,
    the loss is NaN. Half-precision predictions are computed with in float32.

    Args:
        ignore_class: None, int or sequence of int, labels of the pixels to leave out, such as 255, -1 or (0, 255). Of
            one-hot labels, pixels whose largest label is ignored; all-zero rows too when an ignored id lies outside the
            classes (otherwise such a row is an error). Defaults to None.
        class_weights: None or a sequence of floats >= 0, one for each class, (background, foreground) with "binary"; or
            the name of a rule for `adapt`. Defaults to None.
        from_logits: bool, whether predictions are logits. Probabilities are clipped at `keras.config.epsilon()` in the
            loss's value; the gradient goes on below. Defaults to False.
        label_smoothing: float in [0, 1], the share of each label given equally to all classes. Defaults to 0.0.
        mode: str, "auto", "multiclass", "binary" or "multilabel"; see `SegmentationLoss`. Defaults to "auto".
        reduction: "sum_over_batch_size" or "mean" (over the pixels that count), "mean_with_sample_weight" (divided by
            their sample weights' sum), "sum", or "none" or None for (batch, height, width), (..., channels)
            with "multilabel". Defaults to "sum_over_batch_size".
        name: str, name of the loss. Defaults to "crossentropy".

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height,
            width, classes).
        y_pred: probabilities or logits (batch, height, width, classes), one channel for "binary".
        sample_weight: None, (batch,), (batch, height, width) or (batch, height, width, 1).

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes or labels that do not fit.

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
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        label_smoothing=0.0,
        mode="auto",
        reduction="sum_over_batch_size",
        name="crossentropy",
    ):
        super().__init__(
            ignore_class=ignore_class,
            class_weights=class_weights,
            from_logits=from_logits,
            mode=mode,
            reduction=reduction,
            name=name,
        )
        self.label_smoothing = _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1)

    def modulated(self, surprise):
        """What becomes of -log p of a label, elementwise; the identity here."""
        return surprise

    def call(self, y_true, y_pred, sample_weight=None):
        """The loss, reduced."""
        pixels = self.read(y_true, y_pred, sample_weight)
        losses = nll.surprises(pixels, self.label_smoothing, self.modulated, pixels.class_weights)
        counted, weights = nll.counted(pixels, losses), nll.sample_weights(pixels, losses)
        return reading.poison(reduce(losses, counted, weights, self.reduction), pixels.labels)

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
