"""Intersection over union of the pixels near boundaries: of bands in both maps, or near those of the truth."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics import boundaries, scores
from keras_seg.metrics.class_scores import ClassScore, MatrixClassScore
from keras_seg.metrics.ratios import mask_ignored

_DILATION_RATIO = 0.02


@keras.saving.register_keras_serializable("keras_seg")
class BoundaryIoU(ClassScore):
    """Intersection over union of the bands along the boundaries, of all pixels seen so far.

    The band of a class is what its mask loses when it is eroded `d` times by 3x3 pixels, `d` being `dilation_ratio`
    times the diagonal of the image, rounded, and at least 1. `|T_c and P_c| / |T_c or P_c|` of the bands of truth and
    prediction, from totals over the data set, averaged over the classes. It is as strict for large objects as the IoU
    is for small ones.

    Outside the image there is no class, as in the paper, so the border of the image is a boundary. Ignored pixels are
    cut out of truth and prediction alike, and their rim is a boundary of both. A class without a band in either truth
    or prediction gets NaN and is excluded from the mean, as are ignored classes.

    Args:
        num_classes: int >= 2.
        per_class: bool. Return the score of each class by name instead of their mean. Defaults to False.
        dilation_ratio: float in (0, 1). Width of the band as a share of the diagonal. Defaults to 0.02.
        distance: None or int >= 1. Width of the band in pixels whatever the size of the image, instead of
            `dilation_ratio`. Defaults to None.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "boundary_iou".

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "boundary_iou_" + class name to scalar tensor.

    Raises:
        InputError: in a graph, when the height or width is unknown and no `distance` in pixels is given.

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

    _default_name = "boundary_iou"
    _looks_at_neighbors = True

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
        dilation_ratio: float = _DILATION_RATIO,
        distance: int | None = None,
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
        self.dilation_ratio = _validation.open_share("dilation_ratio", dilation_ratio)
        self.distance = None if distance is None else _validation.integer("distance", distance)
        if distance is not None and dilation_ratio != _DILATION_RATIO:
            _validation.fail(
                "dilation_ratio", "has no effect beside `distance`", dilation_ratio, "Pass one of the two."
            )

    @property
    def matrix(self) -> np.ndarray:
        """The counts so far, hist[true, predicted] of the bands, NumPy int64 (classes + 1, classes + 1).

        The last row and column count the pixels outside every band.
        """
        return self._totals()[: self._ignored].reshape(self.num_classes + 1, -1)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "dilation_ratio": self.dilation_ratio,
            "distance": self.distance,
        }

    def _counted(self) -> dict[str, Any]:
        return {**super()._counted(), "dilation_ratio": self.dilation_ratio, "distance": self.distance}

    def _number_of_cells(self) -> int:
        return (self.num_classes + 1) ** 2

    def _cells(self, true: Tensor, predicted: Tensor) -> Tensor:
        # A confusion matrix of the bands, where the pixels outside every band are one more class.
        distance = self.distance
        if distance is None:
            distance = max(1, round(boundaries.pixels_of_diagonal(self.dilation_ratio, true, "distance")))
        row, column = (
            ops.where(boundaries.band(ids, distance, image_border=True), ids, self.num_classes)
            for ids in (true, predicted)
        )
        return row * (self.num_classes + 1) + column

    def _result_of(self, cells: Tensor, xp: Any) -> Any:
        bands = xp.reshape(cells, (self.num_classes + 1, -1))
        return self._mean_or_by_class(band_ious(bands, ignore_class=self.ignore_class, xp=xp), xp)


def band_ious(bands: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """`BoundaryIoU` of each class from its `matrix`, NaN for ignored classes and for those without a band."""
    return mask_ignored(scores.iou_per_class(bands, xp=xp)[:-1], ignore_class, xp)


@keras.saving.register_keras_serializable("keras_seg")
class TrimapIoU(MatrixClassScore):
    """Intersection over union of all pixels seen so far that lie near a boundary of the truth.

    Only pixels with another label of the truth within `width` rows and columns count, on either side of the boundary;
    all others, and ignored pixels, are excluded, and the IoU is that of `MeanIoU`. As `width` grows it becomes
    `MeanIoU` of the images that have a boundary. The rim of an ignored region is a boundary, as in data sets that draw
    boundaries as void; the border of the image is not. A class neither in the truth nor predicted there gets NaN and is
    excluded from the mean.

    Args:
        num_classes: int >= 2.
        per_class: bool. Return the score of each class by name instead of their mean. Defaults to False.
        width: int >= 1. Distance from a boundary up to which pixels count, in pixels. Defaults to 5.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "trimap_iou".

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "trimap_iou_" + class name to scalar tensor.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.array([[[0] * 20 + [1] * 20]]), np.array([[[0] * 22 + [1] * 18]])
        >>> metric = TrimapIoU(num_classes=2, width=5)
        >>> metric.update_state(true, predicted)
        >>> round(float(metric.result()), 4)  # 5/7 and 3/5, where the IoU of everything is 20/22 and 18/20
        0.6571

    Reference:
        - [Kohli et al., 2009](https://doi.org/10.1007/s11263-008-0202-0), section 5.2.
        - [Kraehenbuehl & Koltun, 2011](https://arxiv.org/abs/1210.5644), section 5.
    """

    _default_name = "trimap_iou"
    _looks_at_neighbors = True
    _function = staticmethod(scores.iou_per_class)

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
        width: int = 5,
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
        self.width = _validation.integer("width", width)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "width": self.width}

    def _counted(self) -> dict[str, Any]:
        return {**super()._counted(), "width": self.width}

    def _cells(self, true: Tensor, predicted: Tensor) -> Tensor:
        near = boundaries.band(true, self.width, image_border=False)
        return ops.where(near, super()._cells(true, predicted), self._ignored)
