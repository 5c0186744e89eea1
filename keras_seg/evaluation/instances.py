"""Evaluation of an instance model: how well the objects of images are found."""

import dataclasses
import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike, Progress
from keras_seg.data import InstanceIndex
from keras_seg.evaluation.batching import each_prediction, labeled_objects
from keras_seg.evaluation.image_counts import ImageCounts
from keras_seg.inference.objects.instances import instances
from keras_seg.metrics import PanopticQuality, instance_counts, panoptic_quality
from keras_seg.metrics.instance_score import THRESHOLDS
from keras_seg.metrics.ratios import defined
from keras_seg.metrics.segment_matching import score_of_counts


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstanceEvaluation(ImageCounts):
    """The results of an instance model on a set of images.

    Attributes:
        counts: int64 array (images, thresholds, 3). True positives, false positives and false negatives of each image
            at each threshold of the intersection over union, as `metrics.instance_counts` returns them.
        thresholds: tuple of floats in [0.5, 1).
        panoptic: `metrics.PanopticQuality` of one class, the objects. As in its paper, a predicted object of which more
            than half is ignored counts as nothing unless it matches.
        image_panoptic: tuple of `metrics.PanopticQuality`, that of each image; empty where it was not kept.
    """

    thresholds: tuple[float, ...]
    panoptic: PanopticQuality
    image_panoptic: tuple[PanopticQuality, ...] = ()
    score_name: ClassVar[str] = "instance score"

    @property
    def image_scores(self) -> np.ndarray:
        """float array (images,): `metrics.instance_score` of each image."""
        return score_of_counts(self.counts)

    @property
    def instance_score(self) -> float:
        """Mean of `image_scores`."""
        return float(self.image_scores.mean())

    @property
    def panoptic_quality(self) -> float:
        """PQ over all images together; NaN if neither truth nor prediction contains an object."""
        return float(self.panoptic.quality[0])

    @property
    def score(self) -> float:
        """The number that ranks models: `instance_score`."""
        return self.instance_score

    @property
    def image_truth(self) -> np.ndarray:
        """int array (images, 1). True objects: equal for all models on the same images."""
        return self.counts[:, :1, 0] + self.counts[:, :1, 2]

    def scores_of_samples(self, drawn: np.ndarray) -> np.ndarray:
        """float array (samples,). `score` of bootstrap samples.

        Args:
            drawn: array (samples, images). How often each image is in a sample.
        """
        return drawn @ self.image_scores / drawn.sum(axis=1)

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None for undefined ones. Counts are those at the first threshold."""
        true_positives, false_positives, false_negatives = (int(value) for value in self.counts[:, 0].sum(axis=0))

        def share(whole: int) -> float | None:
            return float(true_positives / whole) if whole else None

        quality = {
            name: defined(value)
            for name, value in (
                ("panoptic_quality", self.panoptic.quality[0]),
                ("segmentation_quality", self.panoptic.segmentation_quality[0]),
                ("recognition_quality", self.panoptic.recognition_quality[0]),
            )
        }
        return {
            "images": self.images,
            "instance_score": self.instance_score,
            **quality,
            "precision": share(true_positives + false_positives),
            "recall": share(true_positives + false_negatives),
            "true_positives": true_positives,
            "false_positives": false_positives,
            "false_negatives": false_negatives,
            "score_by_threshold": {
                f"{threshold:g}": float(score_of_counts(self.counts[:, [position]]).mean())
                for position, threshold in enumerate(self.thresholds)
            },
        }


def evaluate_instances(
    model: keras.Model,
    data: InstanceIndex | PathLike | Iterable[Any],
    *,
    settings: Mapping[str, Any] | None = None,
    split: str | None = None,
    ignore_class: IgnoreClass = None,
    batch_size: int | None = None,
    progress: Progress = None,
) -> InstanceEvaluation:
    """Evaluate an instance model on the objects of images, each at its own size.

    Args:
        model: keras.Model. Its output has three channels, background, body and border, at any size.
        data: an `InstanceIndex`; the path of a folder, read by `data.scan_instances`; or batches (images, maps) of
            objects, int (batch, height, width): 0 for the background, negative for pixels that do not count.
        settings: None or dict. Arguments of `inference.instances`, such as `tune_instances(...).settings`. Defaults to
            None, for its defaults.

    Other arguments: those of `evaluate`.

    Returns:
        An `InstanceEvaluation`.

    Raises:
        InputError: if the model does not have three channels, has several outputs or predicts NaN, a setting is unknown
            or out of range, or an argument does not fit.

    Examples:

    ```python
    index = ks.data.scan_instances("cells", split="val")
    tuned = ks.evaluation.tune_instances(model, index)
    print(ks.evaluation.evaluate_instances(model, index, settings=tuned.settings).instance_score)
    ```
    """
    checked = check_settings(settings)
    labeled = labeled_objects(data, split=split, ignore_class=ignore_class, batch_size=batch_size)
    pairs = {}
    for position, ids, probabilities in each_prediction(model, labeled, channels=3, progress=progress):
        pairs[position] = ids, instances(probabilities, **checked)
    return _evaluation([pairs[position] for position in sorted(pairs)])


def without_void(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two maps with the pixels that do not count as background in both."""
    void = true < 0
    return np.where(void, 0, true), np.where(void, 0, predicted)


def check_settings(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """`settings` as a dict, when all of them are arguments of `instances`."""
    if settings is not None and not isinstance(settings, Mapping):
        # `tune_instances` returns more than the settings.
        inner = isinstance(getattr(settings, "settings", None), Mapping)
        fix = "Pass its `settings`." if inner else 'As in {"min_size": 16}.'
        _validation.fail("settings", "must be a dict of arguments of `instances`", type(settings).__name__, fix)
    checked = dict(settings or {})
    known = ("threshold", "seed_threshold", "border_threshold", "min_size", "fill_holes", "elevation")
    for name, value in checked.items():
        if name not in known:
            _validation.fail("settings", f"holds an unknown name {name!r}", value, _validation.nearest(name, known))
    return checked


def _evaluation(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> InstanceEvaluation:
    """The result for maps of true and predicted objects; those of the truth are -1 where a pixel does not count."""
    counts = [instance_counts(*without_void(*pair)) for pair in pairs]
    return instance_evaluation_of(np.stack(counts), [_quality(*pair) for pair in pairs])


def instance_evaluation_of(counts: np.ndarray, of_images: Sequence[PanopticQuality]) -> InstanceEvaluation:
    """The evaluation with these counts and this panoptic quality of each image, summed in their order."""
    total = functools.reduce(operator.add, of_images)
    return InstanceEvaluation(counts=counts, thresholds=THRESHOLDS, panoptic=total, image_panoptic=tuple(of_images))


def _quality(true: np.ndarray, predicted: np.ndarray) -> PanopticQuality:
    """PQ of the objects. The background is a separate class here, because ignored pixels would be in no union."""
    void = true < 0
    truth = np.where(void, -1, true == 0), np.where(void, 0, true)
    both = panoptic_quality(truth, ((predicted == 0).astype(int), predicted), num_classes=2, ignore_class=-1)
    return PanopticQuality(
        iou=both.iou[:1],
        true_positives=both.true_positives[:1],
        false_positives=both.false_positives[:1],
        false_negatives=both.false_negatives[:1],
    )
