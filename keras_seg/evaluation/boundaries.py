"""Evaluation of a boundary model: how well its lines match the edges between classes."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, PathLike, Progress
from keras_seg.data import FolderIndex
from keras_seg.data.targets.boundary_targets import edges_of
from keras_seg.evaluation.batching import each_prediction, labeled_classes
from keras_seg.evaluation.image_counts import ImageCounts
from keras_seg.inference.output_kind import readable

THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundaryEvaluation(ImageCounts):
    """The results of a boundary model on a set of images, for each threshold of the probability.

    Attributes:
        counts: int64 array (images, thresholds, 4). Pixels of the predicted lines and how many of them lie within the
            tolerance of a true edge; pixels of the true edges and how many of them lie within the tolerance of a
            predicted line.
        thresholds: tuple of floats in (0, 1).
        threshold: float. The threshold of `f_score`, `precision` and `recall`.
        tolerance_ratio: float. The tolerance as a share of the diagonal of the image.
    """

    thresholds: tuple[float, ...]
    threshold: float
    tolerance_ratio: float
    score_name: ClassVar[str] = "boundary F score"

    @property
    def precisions(self) -> np.ndarray:
        """float array (thresholds,), over all images together; 1 where nothing is predicted."""
        return _ratio(self.counts[..., 1], self.counts[..., 0])

    @property
    def recalls(self) -> np.ndarray:
        """float array (thresholds,), over all images together; 1 where there is no edge."""
        return _ratio(self.counts[..., 3], self.counts[..., 2])

    @property
    def f_scores(self) -> np.ndarray:
        """float array (thresholds,): 2 P R / (P + R)."""
        return _f_score(self.precisions, self.recalls)

    @property
    def best_threshold(self) -> float:
        """The threshold of the highest `f_scores`, known as "optimal data set scale"."""
        return float(self.thresholds[int(np.argmax(self.f_scores))])

    @property
    def f_score(self) -> float:
        """F score at `threshold`."""
        return float(self.f_scores[self._at])

    @property
    def precision(self) -> float:
        """Precision at `threshold`."""
        return float(self.precisions[self._at])

    @property
    def recall(self) -> float:
        """Recall at `threshold`."""
        return float(self.recalls[self._at])

    @property
    def score(self) -> float:
        """The number that ranks models: `f_score`."""
        return self.f_score

    @property
    def image_truth(self) -> np.ndarray:
        """int array (images, 1). Pixels of the true edges: equal for all models on the same images."""
        return self.counts[:, :1, 2]

    def scores_of_samples(self, drawn: np.ndarray) -> np.ndarray:
        """float array (samples,). `score` of bootstrap samples.

        Args:
            drawn: array (samples, images). How often each image is in a sample.
        """
        predicted, right, true, found = (drawn @ self.counts[:, self._at]).T
        return _f_score(_share(right, predicted), _share(found, true))

    @property
    def _at(self) -> int:
        return int(np.argmin(np.abs(np.array(self.thresholds) - self.threshold)))

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict."""
        return {
            "images": self.images,
            "boundary_f_score": self.f_score,
            "precision": self.precision,
            "recall": self.recall,
            "threshold": float(self.threshold),
            "tolerance_ratio": self.tolerance_ratio,
            "best_threshold": self.best_threshold,
            "f_score_by_threshold": {
                f"{threshold:g}": float(score) for threshold, score in zip(self.thresholds, self.f_scores, strict=True)
            },
        }


def boundary_lines(probability: ArrayLike, *, threshold: float = 0.5) -> np.ndarray:
    """One-pixel lines from a map of boundary probabilities.

    Args:
        probability: float array (height, width) in [0, 1].
        threshold: float in (0, 1). Pixels above it are thinned to one-pixel lines, preserving connectivity. Defaults to
            0.5.

    Returns:
        bool array (height, width).

    Raises:
        InputError: for a map of another shape, outside [0, 1] or with NaN; a threshold out of range.
        ImportError: when scikit-image is missing: `pip install "keras-seg[instances]"`.

    Examples:
        >>> probability = np.zeros((5, 7))
        >>> probability[:, 2:5] = 0.9
        >>> boundary_lines(probability)[2].astype(int).tolist()
        [0, 0, 0, 1, 0, 0, 0]
    """
    morphology = _validation.optional_import("skimage.morphology", "instances", "`boundary_lines`")
    threshold = _validation.open_share("threshold", threshold)
    probability = readable(probability)
    if probability.ndim != 2 or probability.dtype.kind not in "fiub":
        found = (probability.shape, str(probability.dtype))
        fix = "If the model has two channels, pass the second: probabilities[..., 1]."
        _validation.fail("probability", "must be a map (height, width) of numbers", found, fix)
    if probability.size and not (probability.min() >= -1e-3 and probability.max() <= 1 + 1e-3):
        found = (float(probability.min()), float(probability.max()))
        _validation.fail("probability", "must lie in [0, 1]", found, "Pass the output of a softmax or sigmoid.")
    return morphology.skeletonize(probability > threshold)


def evaluate_boundaries(
    model: keras.Model,
    data: FolderIndex | PathLike | Iterable[Any],
    *,
    threshold: float = 0.5,
    thresholds: Sequence[float] = THRESHOLDS,
    tolerance_ratio: float = 0.0075,
    split: str | None = None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    batch_size: int | None = None,
    progress: Progress = None,
) -> BoundaryEvaluation:
    """Evaluate a boundary model, each image at its own size.

    Predicted and true edges are thinned to lines (`boundary_lines`); precision is the share of the predicted ones that
    lies within the tolerance (Euclidean) of a true one, recall the share of the true ones that lies within it of a
    predicted one. Pixels are added up over all images; ignored pixels count in neither. The tolerance is at least 1
    pixel, because an edge runs between two pixels.

    Args:
        model: keras.Model. Its output has two channels, inside and boundary, at any size.
        data: as for `evaluate`, with masks of class ids.
        threshold: float in (0, 1). The threshold that is evaluated. Defaults to 0.5.
        thresholds: sequence of floats in (0, 1). Thresholds to try in addition. Defaults to 0.1, 0.2, ... 0.9.
        tolerance_ratio: float in (0, 1). The tolerance as a share of the diagonal. Defaults to 0.0075, as for
            `BoundaryFScore`.
        num_classes: None or int. The classes of the masks of a folder. Defaults to None, to find out.

    Other arguments: those of `evaluate`.

    Returns:
        A `BoundaryEvaluation`.

    Raises:
        InputError: if the model does not have two channels, has several outputs or predicts NaN, or an argument does
            not fit.

    Examples:

    ```python
    index = ks.data.scan_folder("camvid", split="val", num_classes=11, ignore_class=11)
    print(ks.evaluation.evaluate_boundaries(model, index).f_score)
    ```

    Reference:
        - [Arbelaez et al., 2011](https://doi.org/10.1109/TPAMI.2010.161), section 2.2; here pixels match many-to-one,
          by distance.
    """
    threshold = _validation.open_share("threshold", threshold)
    if isinstance(thresholds, str) or not hasattr(thresholds, "__iter__"):
        fix = "One threshold alone is that of `threshold`."
        _validation.fail("thresholds", "must be a sequence of numbers", thresholds, fix)
    thresholds = tuple(sorted({threshold, *(_validation.open_share("thresholds", item) for item in thresholds)}))
    tolerance_ratio = _validation.open_share("tolerance_ratio", tolerance_ratio)
    labeled = labeled_classes(
        data, split=split, num_classes=num_classes, ignore_class=ignore_class, batch_size=batch_size
    )
    counts = {}
    for position, mask, probabilities in each_prediction(model, labeled, channels=2, progress=progress):
        void = np.isin(mask, labeled.ignore_class)
        edges = boundary_lines(edges_of(mask, 1, labeled.ignore_class) == 1)
        reach = max(1.0, tolerance_ratio * np.hypot(*mask.shape))
        near_edges = _near(edges, reach)
        rows = []
        for step in thresholds:
            lines = boundary_lines(probabilities[..., 1], threshold=step) & ~void
            matched = (lines & near_edges).sum(), edges.sum(), (edges & _near(lines, reach)).sum()
            rows.append((lines.sum(), *matched))
        counts[position] = rows
    return BoundaryEvaluation(
        counts=np.array([counts[position] for position in sorted(counts)], "int64"),
        thresholds=thresholds,
        threshold=threshold,
        tolerance_ratio=tolerance_ratio,
    )


def _near(mask: np.ndarray, reach: float) -> np.ndarray:
    """Which pixels have a True one within `reach` (Euclidean)."""
    ndimage = _validation.optional_import("scipy.ndimage", "instances", "`evaluate_boundaries`")
    return ndimage.distance_transform_edt(~mask) <= reach if mask.any() else mask


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return _share(part.sum(axis=0), whole.sum(axis=0))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)


def _f_score(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    return 2 * precision * recall / np.maximum(precision + recall, 1e-12)
