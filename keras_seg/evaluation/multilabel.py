"""Evaluation of a model whose classes may overlap, each image at its own size."""

import dataclasses
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seg._types import ArrayLike, PathLike, Progress
from keras_seg.data import MultiLabelIndex, multilabel_targets
from keras_seg.evaluation.batching import each_prediction, labeled_sets, output_channels
from keras_seg.evaluation.image_counts import ImageCounts
from keras_seg.inference.output_kind import output_kind
from keras_seg.metrics import MultiLabelConfusion
from keras_seg.metrics.bootstrap import draw_images, interval_of
from keras_seg.metrics.multi_label import label_scores
from keras_seg.metrics.ratios import defined, mean_of_defined

_SAMPLES, _LEVEL = 1000, 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiLabelEvaluation(ImageCounts):
    """The results of a model of overlapping classes on a set of images.

    Attributes:
        counts: int64 array (images, classes, 2, 2). The matrix [[TN, FP], [FN, TP]] of each class in each image.
        class_names: tuple of str.
    """

    class_names: tuple[str, ...]

    score_name: ClassVar[str] = "mean IoU"

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of each class over all pixels of the set; NaN for a class that occurs nowhere."""
        return self.by_class("iou")

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that occur."""
        return self._mean("iou")

    @property
    def score(self) -> float:
        """The number that ranks models: `mean_iou`."""
        return self.mean_iou

    @property
    def image_truth(self) -> np.ndarray:
        """int array (images, classes). Pixels of each class: equal for all models on the same images."""
        return self.counts[:, :, 1].sum(axis=-1)

    def scores_of_samples(self, drawn: np.ndarray) -> np.ndarray:
        """float array (samples,). `score` of bootstrap samples.

        Args:
            drawn: array (samples, images). How often each image is in a sample.
        """
        return np.array([mean_of_defined(sample, np) for sample in self.iou_of_samples(drawn)])

    def iou_of_samples(self, drawn: np.ndarray) -> np.ndarray:
        """float array (samples, classes). `iou` of bootstrap samples.

        Args:
            drawn: array (samples, images). How often each image is in a sample.
        """
        sums = drawn @ self.counts.reshape(self.images, -1).astype("float64")
        return label_scores(sums.reshape(len(drawn), -1, 2, 2), "iou")

    def by_class(self, score: str) -> np.ndarray:
        """A score of each class over all pixels of the set.

        Args:
            score: "iou", "dice", "precision", "recall" or "accuracy"; see `metrics.MultiLabelScore`.

        Returns:
            float array (classes,); NaN where the score is undefined.
        """
        return label_scores(self.counts.sum(axis=0), score)

    @property
    def image_scores(self) -> np.ndarray:
        """float array (images,): the mean IoU of each image over its classes; NaN where there are none."""
        return np.array([mean_of_defined(label_scores(matrices, "iou"), np) for matrices in self.counts])

    def iou_intervals(self) -> np.ndarray | None:
        """The bootstrap intervals of `iou` over the images: float array (classes, 2), or None for a single image."""
        if self.images < 2:
            return None
        found = [
            interval_of(iou, of_class, _LEVEL)
            for iou, of_class in zip(self.iou, self.iou_of_samples(self._drawn()).T, strict=True)
        ]
        return np.array([(interval.low, interval.high) for interval in found])

    def mean_iou_interval(self) -> tuple[float, float] | None:
        """The bootstrap interval of `mean_iou` over the images, (low, high); None for a single image."""
        if self.images < 2 or not np.isfinite(self.mean_iou):
            return None
        found = interval_of(self.mean_iou, self.scores_of_samples(self._drawn()), _LEVEL)
        return found.low, found.high

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None where a score is undefined."""
        interval = self.mean_iou_interval()
        scores = {f"mean_{name}": self._mean(name) for name in ("iou", "dice", "precision", "recall")}
        return {
            "images": self.images,
            **{name: defined(value) for name, value in scores.items()},
            "mean_iou_interval": None if interval is None else list(interval),
            "iou": {name: defined(value) for name, value in zip(self.class_names, self.iou, strict=True)},
            "confusion": self.counts.sum(axis=0).tolist(),
        }

    def _mean(self, score: str) -> float:
        return float(mean_of_defined(self.by_class(score), np))

    def _drawn(self) -> np.ndarray:
        return draw_images(self.images, _SAMPLES, 0, _LEVEL)


def evaluate_multilabel(
    model: keras.Model,
    data: MultiLabelIndex | PathLike,
    *,
    split: str | None = None,
    batch_size: int | None = None,
    progress: Progress = None,
) -> MultiLabelEvaluation:
    """Evaluate a model whose classes may overlap, each image at its own size.

    A pixel is predicted to belong to each class whose probability exceeds 0.5 (its logit 0).

    Args:
        model: keras.Model. It takes images of any size that occurs, and has one output with a channel per class.
        data: a `MultiLabelIndex`, or the path of a folder, read by `data.scan_multilabel`.

    Other arguments: those of `evaluate`.

    Returns:
        A `MultiLabelEvaluation`.

    Raises:
        InputError: if the model and the data have different classes, the model has several outputs or predicts NaN, or
            an argument does not fit.

    Examples:

    ```python
    index = ks.data.scan_multilabel("my_data", split="val")
    print(ks.evaluation.evaluate_multilabel(model, index).to_dict()["iou"])
    ```
    """
    classes = output_channels(model)
    labeled = labeled_sets(data, split=split, model_classes=classes, batch_size=batch_size)
    metric, counts = MultiLabelConfusion(classes, from_logits=output_kind(model) == "logits"), {}
    for position, labels, scores in each_prediction(model, labeled, progress=progress):
        metric.reset_state()
        metric.update_state(multilabel_targets(labels, classes)[None], scores[None])
        counts[position] = metric.matrices
    return MultiLabelEvaluation(
        counts=np.stack([counts[position] for position in sorted(counts)]), class_names=labeled.class_names or ()
    )


def predicted_classes(model: keras.Model, image: ArrayLike) -> np.ndarray:
    """The classes that a model predicts for an image (height, width, channels), bool (height, width, classes)."""
    scores = np.asarray(model.predict_on_batch(np.asarray(image, "float32")[None]))[0]
    return above_threshold(scores, output_kind(model))


def above_threshold(scores: np.ndarray, kind: str) -> np.ndarray:
    """Which scores mean that a pixel belongs to the class, by the `output_kind`."""
    return scores > (0 if kind == "logits" else 0.5)
