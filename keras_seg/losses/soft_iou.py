"""One minus the soft intersection over union."""

import keras
from keras import ops

from keras_seg import _labels as label_reading
from keras_seg import _reduction as reductions
from keras_seg import _validation
from keras_seg.losses import overlap as overlaps
from keras_seg.losses.segmentation_loss import SegmentationLoss


def soft_iou(
    y_true,
    y_pred,
    sample_weight=None,
    ignore_class=None,
    class_weights=None,
    from_logits=False,
    per_image=False,
    absent="skip",
    smooth=0.0,
    reduction="sum_over_batch_size",
):
    """One minus the soft intersection over union; see `SoftIoU`, which documents the arguments.

    Example:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.75, 0.25], [0.5, 0.5]]]], "float32")
        >>> float(soft_iou(np.array([[[0, 0]]]), probabilities))  # I 1.25, P 1.25, T 2: 1 - 1.25 / 2
        0.375
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    dtype = reductions.compute_dtype(y_pred)
    probabilities = ops.cast(y_pred, dtype)
    if from_logits:
        probabilities = ops.softmax(probabilities, axis=-1)
    ignored = _validation.ignored_classes(ignore_class)
    labels = label_reading.read(y_true, probabilities, ignored, dtype)
    class_weights = reductions.class_weights(class_weights)
    if class_weights is not None:
        class_weights = reductions.class_weight_vector(class_weights, probabilities.shape[-1], dtype)

    pixel_weights, image_weights = reductions.sample_weights(sample_weight, probabilities, dtype), None
    if per_image and pixel_weights is not None and tuple(pixel_weights.shape[1:]) == (1, 1):
        # One weight for all pixels of an image would cancel out of the image's ratio: it weights the image instead.
        pixel_weights, image_weights = None, ops.reshape(pixel_weights, (-1,))

    overlap = overlaps.count(probabilities, labels, pixel_weights, per_image)
    union = overlap.predicted + overlap.target - overlap.intersection
    present = overlap.target > 0
    iou = ops.where(present, overlap.intersection + smooth, 0.0) / ops.where(present, union + smooth, 1.0)
    losses = overlaps.mean_over_classes(1 - iou, overlap, ignored, class_weights, absent)
    if not per_image:
        return label_reading.poison(losses, labels)
    counted = ops.any(labels.valid, axis=(1, 2))
    return label_reading.poison(reductions.reduce(losses, counted, image_weights, reduction), labels)


@keras.saving.register_keras_serializable("keras_seg")
class SoftIoU(SegmentationLoss):
    """One minus the soft intersection over union (Jaccard index), averaged over classes.

    `J_c = I_c / (P_c + T_c - I_c)` with `I_c = sum p_c t_c`, `P_c = sum p_c`, `T_c = sum t_c` over the pixels of the
    batch, and `L = sum_c w_c (1 - J_c) / sum_c w_c`. Ignored pixels are left out of I, P and T; ignored classes inside
    the range are left out of the mean. A batch in which every pixel is ignored has the loss 0, and gradient 0.

    Labels are checked as by `CrossEntropy`: a label that is neither a class nor ignored raises an error eagerly and
    makes the loss NaN in a compiled graph.

    Args:
        ignore_class: None, int or sequence of int, labels of the pixels to leave out. Defaults to None.
        class_weights: None or a sequence of floats >= 0, the weights of the classes in the mean. Defaults to None.
        from_logits: bool, whether predictions are logits; softmax is then applied. Defaults to False.
        per_image: bool, sum over the pixels of each image and average the images' losses, those without a valid pixel
            left out, rather than sum over the batch. Defaults to False.
        absent: str, what a class does that has no pixel in the target of the batch (or image). "skip": it is left out
            of the mean. "zero": its J is 0, its loss 1, whatever is predicted; that is what the formula gives, and it
            has no gradient. "count": its loss is the mean probability it was given, `P_c / pixels`: 0 when nothing is
            predicted, 1 when everything is. Defaults to "skip".
        smooth: float >= 0, pixels added to I and to the union of classes that are present. Defaults to 0.0.
        reduction: with `per_image`, as for `CrossEntropy` over images; without it there is one number and all are
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

    Example:
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
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        per_image=False,
        absent="skip",
        smooth=0.0,
        reduction="sum_over_batch_size",
        name="soft_iou",
    ):
        super().__init__(ignore_class, class_weights, from_logits, reduction, name)
        if not isinstance(per_image, bool):
            _validation.fail("per_image", "must be True or False", per_image)
        self.per_image = per_image
        self.absent = _validation.one_of("absent", absent, overlaps.ABSENT)
        self.smooth = _validation.number("smooth", smooth, minimum=0)

    def call(self, y_true, y_pred, sample_weight=None):
        """`soft_iou` with the arguments of this loss."""
        return soft_iou(
            y_true,
            y_pred,
            sample_weight,
            self.ignore_class,
            self.class_weights,
            self.from_logits,
            self.per_image,
            self.absent,
            self.smooth,
            self.reduction,
        )

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "per_image": self.per_image, "absent": self.absent, "smooth": self.smooth}
