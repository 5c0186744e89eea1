"""Judging how well the edges between classes are met."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg.data.targets.boundary_targets import edges_of
from keras_seg.evaluation.each_image import each_prediction

STEPS = tuple(round(0.1 * step, 1) for step in range(1, 10))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundaryEvaluation:
    """What a model met of the edges of a set of images, for each threshold of the probability.

    Attributes:
        counts: int64 array (images, thresholds, 4): pixels of the predicted lines and how many of them lie within the
            tolerance of a true edge; pixels of the true edges and how many of them lie within the tolerance of a
            predicted line.
        thresholds: tuple of floats in (0, 1).
        threshold: float, the one that `f_score`, `precision` and `recall` are of.
        tolerance_ratio: float, the tolerance as a share of the image's diagonal.
    """

    counts: np.ndarray
    thresholds: tuple
    threshold: float
    tolerance_ratio: float

    @property
    def images(self):
        """int, how many were judged."""
        return len(self.counts)

    @property
    def precisions(self):
        """float array (thresholds,), over all images together; 1 where nothing is predicted."""
        return _ratio(self.counts[..., 1], self.counts[..., 0])

    @property
    def recalls(self):
        """float array (thresholds,), over all images together; 1 where there is no edge."""
        return _ratio(self.counts[..., 3], self.counts[..., 2])

    @property
    def f_scores(self):
        """float array (thresholds,): 2 P R / (P + R)."""
        return 2 * self.precisions * self.recalls / np.maximum(self.precisions + self.recalls, 1e-12)

    @property
    def best_threshold(self):
        """float, that of the highest `f_scores`: the choice of "optimal data set scale"."""
        return float(self.thresholds[int(np.argmax(self.f_scores))])

    @property
    def f_score(self):
        """float, at `threshold`."""
        return float(self.f_scores[self._at])

    @property
    def _at(self):
        return int(np.argmin(np.abs(np.array(self.thresholds) - self.threshold)))

    def to_dict(self):
        """All results as a JSON-ready dict."""
        return {
            "images": self.images,
            "boundary_f_score": self.f_score,
            "precision": float(self.precisions[self._at]),
            "recall": float(self.recalls[self._at]),
            "threshold": float(self.threshold),
            "tolerance_ratio": self.tolerance_ratio,
            "best_threshold": self.best_threshold,
            "f_score_by_threshold": {
                f"{threshold:g}": float(score) for threshold, score in zip(self.thresholds, self.f_scores, strict=True)
            },
        }


def boundary_lines(probability, *, threshold=0.5):
    """The lines of one pixel's width in a map of the probability of an edge.

    Args:
        probability: float array (height, width) in [0, 1].
        threshold: float in (0, 1). Pixels above it are thinned to lines that keep how they hang together.

    Returns:
        bool array (height, width).

    Raises:
        InputError: a map of another shape, outside [0, 1] or NaN; a threshold out of range.
        ImportError: scikit-image is missing: `pip install "keras-seg[instances]"`.

    Examples:
        >>> probability = np.zeros((5, 7))
        >>> probability[:, 2:5] = 0.9
        >>> boundary_lines(probability)[2].astype(int).tolist()
        [0, 0, 0, 1, 0, 0, 0]
    """
    morphology = _validation.optional_import("skimage.morphology", "instances", "`boundary_lines`")
    threshold = _validation.open_share("threshold", threshold)
    probability = np.asarray(probability)
    if probability.ndim != 2 or probability.dtype.kind not in "fiub":
        found = (probability.shape, str(probability.dtype))
        fix = "Of a net's two channels pass the second: probabilities[..., 1]."
        _validation.fail("probability", "must be a map (height, width) of numbers", found, fix)
    if probability.size and not (probability.min() >= -1e-3 and probability.max() <= 1 + 1e-3):
        found = (float(probability.min()), float(probability.max()))
        _validation.fail("probability", "must lie in [0, 1]", found, "Pass the output of a softmax or sigmoid.")
    return morphology.skeletonize(probability > threshold)


def evaluate_boundaries(
    model, index, *, threshold=0.5, thresholds=STEPS, tolerance_ratio=0.0075, batch_size=4, on_image=None
):
    """Evaluate a model of edges on all examples of a folder, each at its own size.

    Predicted and true edges are thinned to lines (`boundary_lines`); precision is the share of the predicted ones that
    lies within the tolerance (Euclidean) of a true one, recall the share of the true ones that lies within it of a
    predicted one. Pixels are added up over all images; ignored pixels count in neither. The tolerance is at least 1
    pixel, as an edge runs between two pixels.

    Args:
        model: keras.Model that gives inside and boundary at any size.
        index: a `keras_seg.data.FolderIndex`.
        threshold: float in (0, 1), the one that is judged. Defaults to 0.5.
        thresholds: sequence of floats in (0, 1) to try besides. Defaults to 0.1, 0.2, ... 0.9.
        tolerance_ratio: float in (0, 1), share of the diagonal. Defaults to 0.0075, as of `BoundaryFScore`.
        batch_size: int, how many images of equal size are predicted together. Defaults to 4.
        on_image: called with the number of images done so far, for a progress bar. Defaults to None.

    Returns:
        A `BoundaryEvaluation`.

    Raises:
        InputError: if the model does not give two channels, or an argument is out of range.

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
    thresholds = tuple(sorted({threshold, *(_validation.open_share("thresholds", item) for item in thresholds)}))
    tolerance_ratio = _validation.open_share("tolerance_ratio", tolerance_ratio)
    counts = np.zeros((len(index), len(thresholds), 4), "int64")
    for position, mask, probabilities in each_prediction(model, index, 2, batch_size=batch_size, on_image=on_image):
        void = np.isin(mask, index.ignore_class)
        edges = boundary_lines(edges_of(mask, 1, index.ignore_class) == 1)
        reach = max(1.0, tolerance_ratio * np.hypot(*mask.shape))
        near_edges = _near(edges, reach)
        for row, step in enumerate(thresholds):
            lines = boundary_lines(probabilities[..., 1], threshold=step) & ~void
            met = (lines & near_edges).sum(), edges.sum(), (edges & _near(lines, reach)).sum()
            counts[position, row] = (lines.sum(), *met)
    return BoundaryEvaluation(
        counts=counts, thresholds=thresholds, threshold=threshold, tolerance_ratio=tolerance_ratio
    )


def _near(mask, reach):
    """Which pixels have a True one within `reach` (Euclidean)."""
    ndimage = _validation.optional_import("scipy.ndimage", "instances", "`evaluate_boundaries`")
    return ndimage.distance_transform_edt(~mask) <= reach if mask.any() else mask


def _ratio(part, whole):
    part, whole = part.sum(axis=0), whole.sum(axis=0)
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)
