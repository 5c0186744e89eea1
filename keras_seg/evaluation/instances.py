"""Judging how well the objects of images are found."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg.evaluation.each_image import each_prediction
from keras_seg.inference.objects.instances import instances
from keras_seg.metrics import PanopticQuality, instance_counts, panoptic_quality
from keras_seg.metrics.instance_score import THRESHOLDS
from keras_seg.metrics.segment_overlaps import score_of_counts


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstanceEvaluation:
    """What a model found of the objects of a set of images.

    Attributes:
        counts: int64 array (images, thresholds, 3): objects found, made up and missed in each image at each threshold
            of the intersection over union, as `metrics.instance_counts` gives them.
        thresholds: tuple of floats in [0.5, 1).
        panoptic: `metrics.PanopticQuality` of one class, the objects.
    """

    counts: np.ndarray
    thresholds: tuple
    panoptic: PanopticQuality

    @property
    def images(self):
        """int, how many were judged."""
        return len(self.counts)

    @property
    def image_scores(self):
        """float array (images,): `metrics.instance_score` of each image."""
        return score_of_counts(self.counts)

    @property
    def instance_score(self):
        """Mean of `image_scores`."""
        return float(self.image_scores.mean())

    @property
    def panoptic_quality(self):
        """PQ over all images together; NaN where nobody saw an object."""
        return float(self.panoptic.quality[0])

    def to_dict(self):
        """All results as a JSON-ready dict; None for what is not defined."""
        found, made_up, missed = (int(value) for value in self.counts[:, 0].sum(axis=0))

        def share(part, whole):
            return float(part / whole) if whole else None

        quality = {
            name: None if np.isnan(value) else float(value)
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
            "precision": share(found, found + made_up),
            "recall": share(found, found + missed),
            "found": found,
            "made_up": made_up,
            "missed": missed,
            "score_by_threshold": {
                f"{threshold:g}": float(score_of_counts(self.counts[:, [position]]).mean())
                for position, threshold in enumerate(self.thresholds)
            },
        }


def evaluate_instances(model, index, *, settings=None, batch_size=4, on_image=None):
    """Evaluate a model on the objects of all examples of a folder, each at its own size.

    Args:
        model: keras.Model that gives background, body and border at any size.
        index: a `keras_seg.data.InstanceIndex`.
        settings: dict of arguments of `instances`, as `tune_instances(...).settings`. Defaults to None, for its
            defaults.
        batch_size: int, how many images of equal size are predicted together. Defaults to 4.
        on_image: called with the number of images done so far, for a progress bar. Defaults to None.

    Returns:
        An `InstanceEvaluation`.

    Raises:
        InputError: if the model does not give three channels, or a setting is unknown or out of range.

    Examples:

    ```python
    index = ks.data.scan_instances("cells", split="val")
    tuned = ks.evaluation.tune_instances(model, index)
    print(ks.evaluation.evaluate_instances(model, index, tuned.settings).instance_score)
    ```
    """
    pairs = [None] * len(index)
    settings = known_settings(settings)
    for position, ids, probabilities in each_prediction(model, index, 3, batch_size=batch_size, on_image=on_image):
        pairs[position] = judged_pair(ids, instances(probabilities, **settings))
    return judge_instances(*zip(*pairs, strict=True))


def judged_pair(true, predicted):
    """The two maps without the pixels that do not count, which become background in both."""
    void = true < 0
    return np.where(void, 0, true), np.where(void, 0, predicted)


def judge_instances(true, predicted):
    """The `InstanceEvaluation` of maps of objects, one pair an image."""
    counts = np.stack([instance_counts(*pair, THRESHOLDS) for pair in zip(true, predicted, strict=True)])
    panoptic = PanopticQuality(*(np.zeros(1, kind) for kind in ("float64", "int64", "int64", "int64")))
    for one, other in zip(true, predicted, strict=True):
        panoptic += _quality(one, other)
    return InstanceEvaluation(counts=counts, thresholds=THRESHOLDS, panoptic=panoptic)


def known_settings(settings):
    """`settings` as a dict, when all of them are arguments of `instances`."""
    settings = dict(settings or {})
    known = ("threshold", "seed_threshold", "border_threshold", "min_size", "fill_holes", "elevation")
    for name, value in settings.items():
        if name not in known:
            _validation.fail("settings", f"holds an unknown name {name!r}", value, _validation.nearest(name, known))
    return settings


def _quality(true, predicted):
    """PQ of the objects. The background is a class of its own here, as ignored pixels would be in no union."""
    both = panoptic_quality((true == 0).astype(int), true, (predicted == 0).astype(int), predicted, num_classes=2)
    return PanopticQuality(iou=both.iou[:1], found=both.found[:1], made_up=both.made_up[:1], missed=both.missed[:1])
