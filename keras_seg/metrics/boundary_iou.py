"""Intersection over union of the bands along the boundaries."""

import keras
from keras import ops

from keras_seg import _validation
from keras_seg.metrics import boundaries, scores
from keras_seg.metrics.class_score import mean_or_by_class
from keras_seg.metrics.counting_metric import PixelCounts


@keras.saving.register_keras_serializable("keras_seg")
class BoundaryIoU(PixelCounts):
    """Intersection over union of the bands along the boundaries, of all pixels seen so far.

    The band of a class is what its mask loses when it is eroded `d` times by 3x3 pixels, `d` being `dilation_ratio`
    times the diagonal of the image, rounded, and at least 1. `|T_c and P_c| / |T_c or P_c|` of the bands of truth and
    prediction, from totals over the data set, averaged over the classes. It is as strict for large objects as the IoU
    is for small ones.

    Outside the image nothing is of any class, as in the paper, so its border is a boundary. Ignored pixels are cut out
    of truth and prediction alike, and their rim is a boundary of both. NaN, and left out of the mean, is a class
    without a band in truth and prediction; ignored classes are left out too.

    Args:
        num_classes: int >= 2.
        ignore_class: None, int or sequence of int, labels of pixels to leave out. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: str, "raise" or "count", as for `ConfusionMatrix`. Defaults to "raise".
        name: str, name of the metric. Defaults to "boundary_iou".
        dtype: dtype of the result. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), as for `ConfusionMatrix`. Defaults to 0.5.
        per_class: bool, give the score of each class by name instead of their mean. Defaults to False.
        dilation_ratio: float in (0, 1), width of the band as a share of the diagonal. Defaults to 0.02.
        distance: None or int >= 1, width of the band in pixels whatever the size of the image, instead of
            `dilation_ratio`. Defaults to None.
        from_logits: bool, as for `ConfusionMatrix`. Defaults to False.

    Call arguments:
        y_true, y_pred, sample_weight: as for `ConfusionMatrix`.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "boundary_iou_" + class name to scalar tensor.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit; in a graph, when the height or
            width is unknown and no `distance` in pixels is given.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.zeros((1, 100, 100), int), np.zeros((1, 100, 100), int)
        >>> true[:, 30:70, 30:70] = 1
        >>> predicted[:, 30:70, 32:72] = 1
        >>> metric = BoundaryIoU(num_classes=2, class_names=("ground", "square"), per_class=True)
        >>> metric.update_state(true, predicted)
        >>> float(metric.result()["boundary_iou_square"])  # where the IoU is 0.905
        0.5

    Reference:
        - [Cheng et al., 2021](https://arxiv.org/abs/2103.16562), section 4.
    """

    def __init__(
        self,
        num_classes,
        *,
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name="boundary_iou",
        dtype=None,
        threshold=0.5,
        per_class=False,
        dilation_ratio=0.02,
        distance=None,
        from_logits=False,
    ):
        super().__init__(
            num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            out_of_range=out_of_range,
            name=name,
            dtype=dtype,
            threshold=threshold,
            from_logits=from_logits,
        )
        self.per_class = _validation.boolean("per_class", per_class)
        self.dilation_ratio = _validation.open_share("dilation_ratio", dilation_ratio)
        self.distance = None if distance is None else _validation.integer("distance", distance)
        # What Keras callbacks such as ModelCheckpoint(mode="auto") look at.
        self._direction = "up"

    @property
    def matrix(self):
        """The counts so far, hist[true, predicted] of the bands, NumPy int64 (classes + 1, classes + 1): what lies in
        no band is the last row and column."""
        return self._totals()[: self._ignored].reshape(self.num_classes + 1, -1)

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "per_class": self.per_class,
            "dilation_ratio": self.dilation_ratio,
            "distance": self.distance,
        }

    def _counted(self):
        return {**super()._counted(), "dilation_ratio": self.dilation_ratio, "distance": self.distance}

    def _number_of_cells(self):
        return (self.num_classes + 1) ** 2

    def _cells(self, true, predicted):
        # A confusion matrix of the bands, what is not in a band being one class more.
        distance = self.distance
        if distance is None:
            distance = max(1, round(boundaries.pixels_of_diagonal(self.dilation_ratio, true, "distance")))
        row, column = (
            ops.where(boundaries.band(ids, distance, image_border=True), ids, self.num_classes)
            for ids in (true, predicted)
        )
        return row * (self.num_classes + 1) + column

    def _result_of(self, cells, xp):
        bands = xp.reshape(cells, (self.num_classes + 1, -1))
        both, true, predicted = xp.diagonal(bands), xp.sum(bands, axis=1), xp.sum(bands, axis=0)
        ious = scores.judged(scores.ratio(both, true + predicted - both, xp)[:-1], self.ignore_class, xp)
        return mean_or_by_class(self, ious, xp)
