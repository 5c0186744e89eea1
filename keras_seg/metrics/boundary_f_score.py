"""The F1 score of contours, matched within a tolerance."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics import boundaries, exact_counts
from keras_seg.metrics.class_scores import ClassScore
from keras_seg.metrics.fusing import fused
from keras_seg.metrics.ratios import mask_ignored, ratio

_TOLERANCE_RATIO = 0.0075

# Scores of images are added as integers, multiples of 2^-20, so that neither order nor batches change the sum.
_UNIT = 2**20


@keras.saving.register_keras_serializable("keras_seg")
class BoundaryFScore(ClassScore):
    """F1 score of the contours, matched within a tolerance, averaged over the classes of an image, then over images.

    The contour of a class is its pixels with another label among their eight neighbors. The precision of a class in an
    image is the share of the predicted contour that lies at most the tolerance (Euclidean) from the contour of the same
    class in the truth, the recall the share of the true contour that lies as near to the predicted one, and
    `F = 2 P R / (P + R)`. The matching is many-to-one, by distance, as in the paper; scores are at least those of a
    one-to-one matching such as that of the Berkeley benchmark. With a tolerance below 1 pixel the same pixels must be
    predicted.

    The border of the image is not a boundary. Ignored pixels are cut out of truth and prediction alike, and their rim
    is a boundary of both. A class with a contour in only one of truth and prediction scores 0 in the image; one with a
    contour in neither is excluded for the image. Images without contours are excluded; with none left the result is
    NaN.

    Args:
        num_classes: int >= 2.
        per_class: bool. Return the score of each class by name instead of their mean. Defaults to False.
        tolerance_ratio: float in (0, 1). The tolerance as a share of the diagonal of the image. Defaults to 0.0075.
        tolerance: None or number >= 0. The tolerance in pixels whatever the size of the image, instead of
            `tolerance_ratio`. Defaults to None.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "boundary_f_score".

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "boundary_f_score_" + class name to scalar tensor.

    Raises:
        InputError: in a graph, when the height or width is unknown and no `tolerance` in pixels is given.

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

    _default_name = "boundary_f_score"

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: float = 0.5,
        class_names: Sequence[str] | None = None,
        per_class: bool = False,
        tolerance_ratio: float = _TOLERANCE_RATIO,
        tolerance: float | None = None,
        out_of_range: str = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            from_logits=from_logits,
            threshold=threshold,
            class_names=class_names,
            per_class=per_class,
            out_of_range=out_of_range,
        )
        self.tolerance_ratio = _validation.open_share("tolerance_ratio", tolerance_ratio)
        self.tolerance = None if tolerance is None else _validation.number("tolerance", tolerance, minimum=0)
        if tolerance is not None and tolerance_ratio != _TOLERANCE_RATIO:
            fix = "Pass one of the two."
            _validation.fail("tolerance_ratio", "has no effect beside `tolerance`", tolerance_ratio, fix)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "tolerance_ratio": self.tolerance_ratio,
            "tolerance": self.tolerance,
        }

    def _counted(self) -> dict[str, Any]:
        return {**super()._counted(), "tolerance_ratio": self.tolerance_ratio, "tolerance": self.tolerance}

    def _number_of_cells(self) -> int:
        # The sums of the scores of each class and of the images' means, and how many scores are in each.
        return 2 * (self.num_classes + 1)

    def _count(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        true, predicted, fault = fused(self._read, y_true, y_pred, weights)
        marks = fused(self._marks, true, predicted, fault)
        counts = exact_counts.image_histograms(marks, 4 * self.num_classes + 1)[:, :-1]
        of_images = ops.reshape(ops.cast(counts, "float32"), (-1, self.num_classes, 2, 2))
        sums, images = self._score_images(of_images)
        faults = exact_counts.histogram(ops.where(fault < 0, 0, fault), self._bins)[self._ignored :]
        return ops.concatenate([sums, images, faults])

    def _marks(self, true: Tensor, predicted: Tensor, fault: Tensor) -> Tensor:
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
            hit = boundaries.matched(own, other, num_classes=self.num_classes, tolerance=tolerance)
            mark = own[1] * 4 + 2 * side + ops.cast(hit, "int32")
            marks.append(ops.where(own[0], mark, 4 * self.num_classes))
        return ops.concatenate(marks, axis=1)

    def _score_images(self, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Sums and numbers of the scores of the images (batch, classes, truth and prediction, missed and matched)."""
        pixels, hits = ops.sum(counts, axis=-1), counts[..., 1]
        recall, precision = (hits[..., side] / ops.maximum(pixels[..., side], 1.0) for side in (0, 1))
        score = 2 * precision * recall / ops.maximum(precision + recall, 1e-7)
        present = mask_ignored(ops.sum(pixels, axis=-1), self.ignore_class, ops, fill=0.0) > 0
        present = ops.cast(present, "float32")
        classes = ops.sum(present, axis=1)
        mean = ops.sum(score * present, axis=1) / ops.maximum(classes, 1.0)
        values = ops.concatenate([score * present, mean[:, None]], axis=1)
        number = ops.concatenate([present, ops.cast(classes > 0, "float32")[:, None]], axis=1)
        units = ops.cast(ops.round(values * _UNIT), "int32")
        return ops.sum(units, axis=0), ops.sum(ops.cast(number, "int32"), axis=0)

    def _result_of(self, cells: Tensor, xp: Any) -> Any:
        sums, images = cells[: self.num_classes + 1], cells[self.num_classes + 1 :]
        values = ratio(sums / _UNIT, images, xp)
        return self._mean_or_by_class(values[:-1], xp, mean=values[-1])
