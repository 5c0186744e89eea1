"""All results of one pass, by name."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics import exact_counts, predictions, scores
from keras_seg.metrics.boundary_f_score import BoundaryFScore
from keras_seg.metrics.boundary_ious import BoundaryIoU, TrimapIoU
from keras_seg.metrics.confusion_matrix import ConfusionMatrix
from keras_seg.metrics.fusing import fused

_BOUNDARIES = {"boundary_iou": BoundaryIoU, "boundary_f_score": BoundaryFScore, "trimap_iou": TrimapIoU}


@keras.saving.register_keras_serializable("keras_seg")
class MetricSuite(ConfusionMatrix):
    """Many metrics in one: the predictions are read once, and one confusion matrix serves all that are read from it.

    Keras puts each entry of the result among the logs of `fit` and `evaluate(return_dict=True)` under its own name,
    without that of the suite; `prefix` keeps two suites apart.

    Args:
        num_classes: int >= 2.
        metrics: None or a sequence of names. "mean_iou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou",
            "mean_dice" and "mean_precision" cost nothing more; "boundary_iou", "boundary_f_score" and "trimap_iou"
            process the pixels again, with the defaults of their classes. Defaults to None, for all that cost nothing.
        per_class: sequence of "iou", "dice", "precision" and "recall". Scores to return for each class too, under names
            such as "iou_sky". Defaults to ("iou",).
        prefix: str. Put before each name in the result. Defaults to "".
        keep_images: bool. Keep the confusion matrix of each image, for `image_matrices`. Works in eager execution only:
            call `update_state` yourself or compile the model with `run_eagerly=True`. Defaults to False.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "metric_suite".

    Returns:
        `result()`: a dict from name to scalar tensor.

    Examples:
        >>> import numpy as np
        >>> suite = MetricSuite(num_classes=2, class_names=("road", "sky"), metrics=("mean_iou", "pixel_accuracy"))
        >>> suite.update_state(np.array([[[0, 0, 0, 1]]]), np.array([[[0, 0, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in suite.result().items()}
        {'mean_iou': 0.5833, 'pixel_accuracy': 0.75, 'iou_road': 0.6667, 'iou_sky': 0.5}
    """

    _default_name = "metric_suite"

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
        per_class: Sequence[str] = ("iou",),
        metrics: Sequence[str] | None = None,
        prefix: str = "",
        keep_images: bool = False,
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
            out_of_range=out_of_range,
        )
        names = tuple(scores.MEANS) if metrics is None else metrics
        self.names = _names("metrics", names, [*scores.MEANS, *_BOUNDARIES])
        self.per_class = _names("per_class", per_class, scores.PER_CLASS)
        if not isinstance(prefix, str):
            _validation.fail("prefix", "must be a string", prefix)
        self.prefix = prefix
        self.keep_images = _validation.boolean("keep_images", keep_images)
        self._boundaries = [
            _BOUNDARIES[item](
                self.num_classes,
                name=item,
                dtype=dtype,
                ignore_class=self.ignore_class,
                class_names=self.class_names,
                out_of_range=self.out_of_range,
            )
            for item in self.names
            if item in _BOUNDARIES
        ]
        self._image_counts: list[np.ndarray] = []
        # The predictions of the batch, where ids are counted that were read from them before.
        self._given: Tensor = None

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> None:
        """Count the pixels of a batch."""
        ids = y_pred
        if self._boundaries:
            y_true, self._given = reading.tensors(y_true, y_pred)
            ids = fused(self._ids, self._given)
        try:
            super().update_state(y_true, ids, sample_weight)
        finally:
            self._given = None
        for metric in self._boundaries:
            metric.update_state(y_true, ids, sample_weight)

    def merge_state(self, metrics: Iterable[Any]) -> None:
        """Add the counts of other suites with the same arguments, such as those of other workers, to this one.

        Args:
            metrics: iterable of `MetricSuite`. Kept matrices of images are appended.

        Raises:
            InputError: when one of them is not such a suite.
        """
        metrics = list(metrics)
        super().merge_state(metrics)
        for position, own in enumerate(self._boundaries):
            own.merge_state([other._boundaries[position] for other in metrics])
        kept = [list(other._image_counts) for other in metrics]
        self._image_counts = sum(kept, self._image_counts)

    def reset_state(self) -> None:
        """Forget all pixels and images."""
        super().reset_state()
        self._image_counts = []

    @property
    def image_matrices(self) -> np.ndarray:
        """The confusion matrix of each image seen so far, NumPy int64 (images, classes, classes), in their order.

        Raises:
            InputError: when they were not kept.
        """
        if not self.keep_images:
            _validation.fail("keep_images", "must be True for the matrices of the images", False)
        shape = (-1, self.num_classes, self.num_classes)
        if not self._image_counts:
            return np.zeros((0, *shape[1:]), "int64")
        return np.concatenate(self._image_counts).astype("int64").reshape(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "metrics": list(self.names),
            "per_class": list(self.per_class),
            "prefix": self.prefix,
            "keep_images": self.keep_images,
        }

    def _ids(self, y_pred: Tensor) -> Tensor:
        return predictions.predicted_ids(y_pred, self.num_classes, self.threshold, from_logits=self.from_logits)

    def _name_strays(self, y_true: Tensor, y_pred: Tensor) -> None:
        super()._name_strays(y_true, y_pred if self._given is None else self._given)

    def _counted(self) -> dict[str, Any]:
        return {**super()._counted(), "metrics": self.names, "keep_images": self.keep_images}

    def _count(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        if not self.keep_images:
            return super()._count(y_true, y_pred, weights)
        bins = fused(self._sort, *fused(self._read, y_true, y_pred, weights))
        if not reading.is_concrete(bins):
            fix = "Compile the model with run_eagerly=True, or call update_state outside a graph."
            _validation.fail("keep_images", "is not supported in a compiled graph", True, fix)
        images = exact_counts.image_histograms(bins, self._bins)
        counts = ops.convert_to_numpy(images)
        self._check(counts.sum(axis=0), y_true, y_pred)
        self._image_counts.append(counts[:, : self._ignored])
        return ops.cast(ops.sum(images, axis=0), "int32")

    def _score(self, matrix: Tensor, xp: Any) -> dict[str, Tensor]:
        results: dict[str, Any] = {
            name: ops.convert_to_tensor(
                scores.MEANS[name](matrix, ignore_class=self.ignore_class, xp=xp), dtype=self.dtype
            )
            for name in self.names
            if name in scores.MEANS
        }
        results |= {metric.name: metric.result() for metric in self._boundaries}
        for name in self.per_class:
            values = scores.PER_CLASS[name](matrix, ignore_class=self.ignore_class, xp=xp)
            results |= self._by_class(f"{name}_", values)
        return {self.prefix + name: value for name, value in results.items()}


def _names(argument: str, value: Any, allowed: Iterable[str]) -> tuple[str, ...]:
    """A tuple of distinct names out of `allowed`."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        _validation.fail(argument, "must be a sequence of names", value, f"Choose from: {', '.join(allowed)}.")
    value = tuple(_validation.one_of(argument, item, allowed) for item in value)
    if len(set(value)) != len(value):
        _validation.fail(argument, "must not repeat a name", value)
    return value
