"""How well contours are met, within a tolerance."""

import keras
from keras import ops

from keras_seg import _validation
from keras_seg.metrics import boundaries, exact_counts, scores
from keras_seg.metrics.class_score import mean_or_by_class
from keras_seg.metrics.counting_metric import PixelCounts
from keras_seg.metrics.fusing import fused

# Scores of images are added as integers, multiples of 2^-20, so that neither order nor batches change the sum.
_UNIT = 2**20


@keras.saving.register_keras_serializable("keras_seg")
class BoundaryFScore(PixelCounts):
    """F1 score of the contours, matched within a tolerance, averaged over the classes of an image, then over images.

    The contour of a class is its pixels with another label among their eight neighbors. The precision of a class in an
    image is the share of the predicted contour that lies at most the tolerance (Euclidean) from the contour of the
    same class in the truth, the recall the share of the true contour that lies so near the predicted one, and `F = 2 P
    R / (P + R)`. The matching is many-to-one, by distance, as in the paper; scores are at least those of a
    one-to-one matching such as that of the Berkeley benchmark. A tolerance below 1 pixel asks for the same pixels.

    The border of the image is no boundary. Ignored pixels are cut out of truth and prediction alike, and their rim is
    a boundary of both. A class with a contour in only one of truth and prediction has 0 in the image; one with none in
    both is left out of the image. Images without contours are left out; with none left the result is NaN.

    Args:
        num_classes: int >= 2.
        ignore_class: None, int or sequence of int, labels of pixels to leave out. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: str, "raise" or "count", as for `ConfusionMatrix`. Defaults to "raise".
        name: str, name of the metric. Defaults to "boundary_f_score".
        dtype: dtype of the result. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), as for `ConfusionMatrix`. Defaults to 0.5.
        per_class: bool, give the score of each class by name instead of their mean. Defaults to False.
        tolerance_ratio: float in (0, 1), the tolerance as a share of the diagonal of the image. Defaults to 0.0075.
        tolerance: None or number >= 0, the tolerance in pixels whatever the size of the image, instead of
            `tolerance_ratio`. Defaults to None.
        from_logits: bool, as for `ConfusionMatrix`. Defaults to False.

    Call arguments:
        y_true, y_pred, sample_weight: as for `ConfusionMatrix`.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "boundary_f_score_" + class name to scalar tensor.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit; in a graph, when the height or
            width is unknown and no `tolerance` in pixels is given.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.zeros((1, 30, 30), int), np.zeros((1, 30, 30), int)
        >>> true[:, 10:20, 10:20] = 1
        >>> predicted[:, 10:20, 12:22] = 1
        >>> for tolerance in (1, 2):
        ...     metric = BoundaryFScore(num_classes=2, tolerance=tolerance)
        ...     metric.update_state(true, predicted)
        ...     print(round(float(metric.result()), 4))
        0.5505
        1.0

    Reference:
        - [Csurka et al., 2013](https://projet.liris.cnrs.fr/imagine/pub/proceedings/BMVC-2013/Papers/paper0032/paper0032.pdf),
          section 3.2.
    """

    def __init__(
        self,
        num_classes,
        *,
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name="boundary_f_score",
        dtype=None,
        threshold=0.5,
        per_class=False,
        tolerance_ratio=0.0075,
        tolerance=None,
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
        self.tolerance_ratio = _validation.open_share("tolerance_ratio", tolerance_ratio)
        self.tolerance = None if tolerance is None else _validation.number("tolerance", tolerance, minimum=0)
        # What Keras callbacks such as ModelCheckpoint(mode="auto") look at.
        self._direction = "up"

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "per_class": self.per_class,
            "tolerance_ratio": self.tolerance_ratio,
            "tolerance": self.tolerance,
        }

    def _counted(self):
        return {**super()._counted(), "tolerance_ratio": self.tolerance_ratio, "tolerance": self.tolerance}

    def _number_of_cells(self):
        # The sums of the scores of each class and of the images' means, and how many scores are in each.
        return 2 * (self.num_classes + 1)

    def _count(self, y_true, y_pred, weights):
        true, predicted, fault = fused(self._read, y_true, y_pred, weights)
        marks = fused(self._marks, true, predicted, fault)
        counts = exact_counts.image_histograms(marks, 4 * self.num_classes + 1)[:, :-1]
        of_images = ops.reshape(ops.cast(counts, "float32"), (-1, self.num_classes, 2, 2))
        sums, images = self._score_images(of_images)
        faults = exact_counts.histogram(ops.where(fault < 0, 0, fault), self._bins)[self._ignored :]
        return ops.concatenate([sums, images, faults])

    def _marks(self, true, predicted, fault):
        """A number for each contour pixel of truth and prediction: its class, which of the two, whether it is matched.

        int32 (batch, 2 * height, width).
        """
        tolerance = self.tolerance
        if tolerance is None:
            tolerance = boundaries.pixels_of_diagonal(self.tolerance_ratio, true, "tolerance")
        counts = fault < 0
        maps = [
            (ops.logical_and(counts, boundaries.contour(ids, image_border=False)), ids) for ids in (true, predicted)
        ]
        marks = []
        for side, (own, other) in enumerate((maps, maps[::-1])):
            hit = boundaries.matched(*own, *other, self.num_classes, tolerance)
            mark = own[1] * 4 + 2 * side + ops.cast(hit, "int32")
            marks.append(ops.where(own[0], mark, 4 * self.num_classes))
        return ops.concatenate(marks, axis=1)

    def _score_images(self, counts):
        """Sums and numbers of the scores of the images (batch, classes, truth and prediction, missed and matched)."""
        pixels, hits = ops.sum(counts, axis=-1), counts[..., 1]
        recall, precision = (hits[..., side] / ops.maximum(pixels[..., side], 1.0) for side in (0, 1))
        score = 2 * precision * recall / ops.maximum(precision + recall, 1e-7)
        present = scores.judged(ops.sum(pixels, axis=-1), self.ignore_class, ops, other=0.0) > 0
        present = ops.cast(present, "float32")
        classes = ops.sum(present, axis=1)
        mean = ops.sum(score * present, axis=1) / ops.maximum(classes, 1.0)
        values = ops.concatenate([score * present, mean[:, None]], axis=1)
        number = ops.concatenate([present, ops.cast(classes > 0, "float32")[:, None]], axis=1)
        units = ops.cast(ops.round(values * _UNIT), "int32")
        return ops.sum(units, axis=0), ops.sum(ops.cast(number, "int32"), axis=0)

    def _result_of(self, cells, xp):
        sums, images = cells[: self.num_classes + 1], cells[self.num_classes + 1 :]
        values = scores.ratio(sums / _UNIT, images, xp)
        return mean_or_by_class(self, values[:-1], xp, mean=values[-1])
