"""Evaluation of a semantic segmentation model, each image at its own size."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike, Progress
from keras_seg.data import FolderIndex
from keras_seg.evaluation.batching import each_prediction, labeled_classes, output_channels
from keras_seg.evaluation.image_matrix import image_matrix
from keras_seg.inference import Postprocessing
from keras_seg.inference.output_kind import class_ids, output_kind
from keras_seg.metrics import ConfusionMatrix, bootstrap, confidence_interval, scores
from keras_seg.metrics.ratios import defined


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The results of a semantic segmentation model on a set of images.

    Attributes:
        confusion: int64 array (num_classes, num_classes). Pixels by true class (row) and predicted class (column).
        class_names: tuple of str.
        images: int. Number of images.
        image_accuracy: float array (images,). Share of right pixels of each image; NaN where all pixels are ignored.
        image_confusion: int32 array (images, num_classes, num_classes). The matrix of each image, from which
            `metrics.paired_difference` compares two models on the same images; None where it was not kept.
        ignore_class: tuple of int. Labels whose pixels were excluded. The classes among them have no score and are in
            no mean; where they were predicted, they are errors of the true class.
    """

    confusion: np.ndarray
    class_names: tuple[str, ...]
    images: int
    image_accuracy: np.ndarray
    image_confusion: np.ndarray | None = None
    ignore_class: tuple[int, ...] = ()
    score_name: ClassVar[str] = "mean IoU"

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of each class over all pixels; NaN where it is ignored or occurs nowhere."""
        return scores.iou_per_class(self.confusion, ignore_class=self.ignore_class)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that occur and are not ignored."""
        return scores.mean_iou(self.confusion, ignore_class=self.ignore_class)

    @property
    def score(self) -> float:
        """The number that ranks models: `mean_iou`."""
        return self.mean_iou

    @property
    def image_truth(self) -> np.ndarray:
        """int array (images, classes). Pixels of each true class: equal for all models on the same images."""
        return self._matrices().sum(axis=2)

    def scores_of_samples(self, drawn: np.ndarray) -> np.ndarray:
        """float array (samples,). `score` of bootstrap samples.

        Args:
            drawn: array (samples, images). How often each image is in a sample.
        """
        mean_iou = functools.partial(scores.mean_iou, ignore_class=self.ignore_class)
        return bootstrap.scores_of_samples(self._matrices(), drawn, mean_iou)

    def iou_of_samples(self, drawn: np.ndarray) -> np.ndarray:
        """float array (samples, classes). `iou` of bootstrap samples.

        Args:
            drawn: array (samples, images). How often each image is in a sample.
        """
        return bootstrap.iou_of_samples(self._matrices(), drawn, self.ignore_class)

    def _matrices(self) -> np.ndarray:
        if self.image_confusion is None:
            raise _validation.InputError("The evaluation must hold the matrix of each image. Evaluate again.")
        return np.asarray(self.image_confusion, "float64")

    def mean_iou_interval(
        self, *, samples: int = 1000, seed: int = 0, level: float = 0.95
    ) -> tuple[float, float] | None:
        """The bootstrap interval of `mean_iou` over the images. Arguments: those of `metrics.confidence_interval`.

        Returns:
            (low, high), or None for a single image, and where the matrices of the images were not kept or hold nothing.
        """
        if self.image_confusion is None or self.images < 2 or not self.confusion.any():
            return None
        interval = confidence_interval(
            self.image_confusion, ignore_class=self.ignore_class, samples=samples, seed=seed, level=level
        )
        return interval.low, interval.high

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None for a class that is ignored or occurs nowhere, and for no score."""
        interval = self.mean_iou_interval()
        means = {name: score(self.confusion, ignore_class=self.ignore_class) for name, score in scores.MEANS.items()}
        return {
            "images": self.images,
            "mean_iou_interval": None if interval is None else list(interval),
            **{name: defined(value) for name, value in means.items()},
            "iou": {name: defined(value) for name, value in zip(self.class_names, self.iou, strict=True)},
            "confusion": self.confusion.tolist(),
        }


def evaluate(
    model: keras.Model,
    data: FolderIndex | PathLike | Iterable[Any],
    *,
    split: str | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    postprocessing: Postprocessing | None = None,
    batch_size: int | None = None,
    progress: Progress = None,
) -> Evaluation:
    """Evaluate a semantic segmentation model, each image at its own size.

    The class of a pixel is the one with the highest score; with one output channel, class 1 where its probability
    exceeds 0.5 (its logit 0).

    Args:
        model: keras.Model. It takes images of any size that occurs, and has one output of scores.
        data: a `FolderIndex`; the path of a folder, read by `data.scan_folder`; or batches (images, masks), such as a
            list or a finite `tf.data.Dataset`.
        split: None or str. The split of a folder. Defaults to None, for "val" where there is one.
        ignore_class: None, int or sequence of int. Labels of pixels to leave out; classes among them are in no mean.
            An index has its own. Defaults to None.
        class_names: None or a sequence of names; an index has its own. Defaults to None, for those of the folder, or
            "class_0" and so on.
        postprocessing: None or `inference.Postprocessing` of the predicted classes. Defaults to None.
        batch_size: None or int. Images of equal size of a folder or index that are predicted together. Defaults to
            None, for 4.
        progress: None, bool, or function (images done, images), called after each batch; `images` is None for batches
            whose number is not known in advance. True draws a progress bar. Defaults to None.

    Returns:
        An `Evaluation`.

    Raises:
        InputError: if the model and the data have different classes, the model has several outputs, predicts NaN, or
            gives scores of another size than its images, or an argument does not fit.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=2, filters=4, depth=1)
        >>> images, masks = np.zeros((2, 16, 20, 3)), np.zeros((2, 16, 20), "int32")
        >>> ks.evaluation.evaluate(model, [(images, masks)]).images
        2
    """
    classes = max(2, output_channels(model))
    clean = checked_postprocessing(postprocessing, classes)
    labeled = labeled_classes(
        data,
        split=split,
        ignore_class=ignore_class,
        class_names=class_names,
        model_classes=classes,
        batch_size=batch_size,
    )
    metric = ConfusionMatrix(classes, ignore_class=labeled.ignore_class)
    kind, matrices = output_kind(model), {}
    for position, mask, prediction in each_prediction(model, labeled, progress=progress):
        matrices[position] = image_matrix(metric, mask, clean(class_ids(prediction, kind))).astype("int32")
    of_images = np.stack([matrices[position] for position in sorted(matrices)])
    return evaluation_of(of_images, labeled.class_names or (), labeled.ignore_class)


def evaluation_of(of_images: np.ndarray, class_names: Sequence[str], ignore_class: Sequence[int]) -> Evaluation:
    """The evaluation with these matrices of the images, int32 (images, classes, classes), without ignored pixels."""
    pixels, right = of_images.sum(axis=(1, 2)), np.trace(of_images, axis1=1, axis2=2)
    return Evaluation(
        confusion=of_images.sum(axis=0, dtype="int64"),
        class_names=tuple(class_names),
        images=len(of_images),
        image_accuracy=np.where(pixels > 0, right / np.maximum(pixels, 1), np.nan),
        image_confusion=of_images,
        ignore_class=tuple(ignore_class),
    )


def checked_postprocessing(postprocessing: Postprocessing | None, num_classes: int) -> Postprocessing:
    """The postprocessing, which does nothing for None; fails if it names a class that the model does not have."""
    if postprocessing is None:
        return Postprocessing()
    if not isinstance(postprocessing, Postprocessing):
        fix = "Pass an inference.Postprocessing."
        _validation.fail("postprocessing", "must be a Postprocessing", type(postprocessing).__name__, fix)
    if postprocessing.classes and postprocessing.classes[-1] >= num_classes:
        rule = f"must name classes of the model, 0..{num_classes - 1}"
        _validation.fail("postprocessing", rule, postprocessing.classes)
    return postprocessing
