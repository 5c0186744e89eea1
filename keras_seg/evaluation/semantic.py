"""Judging a model on a folder of images, each at its own size."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg.evaluation.equal_sizes import examples_of_equal_size
from keras_seg.inference.predict_classes import predict_classes
from keras_seg.metrics import confidence_interval, scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a model got right on a set of images.

    Attributes:
        confusion: int64 array (num_classes, num_classes), pixels by true class (row) and predicted class (column).
        class_names: tuple of str.
        images: int, how many were judged.
        image_accuracy: float array (images,), the share of right pixels of each image; NaN where all pixels are
            ignored.
        image_confusion: int32 array (images, num_classes, num_classes), the matrix of each image, from which
            `metrics.paired_difference` compares two models on the same images; None where it was not kept.
    """

    confusion: np.ndarray
    class_names: tuple
    images: int
    image_accuracy: np.ndarray
    image_confusion: np.ndarray | None = None

    @property
    def iou(self):
        """Intersection over union of each class over all pixels of the set; NaN for a class that occurs nowhere."""
        return scores.iou_per_class(self.confusion)

    @property
    def mean_iou(self):
        """Mean of `iou` over the classes that occur."""
        return float(scores.mean_iou(self.confusion))

    @property
    def mean_iou_interval(self):
        """(low, high): the 95 % interval of `mean_iou` by `metrics.confidence_interval`; None for a single image, and
        where the matrices of the images were not kept or hold nothing."""
        if self.image_confusion is None or self.images < 2 or not self.confusion.any():
            return None
        interval = confidence_interval(self.image_confusion)
        return interval.low, interval.high

    def to_dict(self):
        """All results as a JSON-ready dict; a class that occurs nowhere has None."""
        interval = self.mean_iou_interval
        matrix = scores.checked(self.confusion)
        return {
            "images": self.images,
            "mean_iou_interval": None if interval is None else list(interval),
            **{name: float(score(matrix, None, np)) for name, score in scores.MEANS.items()},
            "iou": {
                name: None if np.isnan(value) else float(value)
                for name, value in zip(self.class_names, self.iou, strict=True)
            },
            "confusion": self.confusion.tolist(),
        }


def evaluate(model, index, *, batch_size=4, on_image=None):
    """Evaluate a model on all examples of a folder, each at its own size.

    Args:
        model: keras.Model that takes images of any size.
        index: a `keras_seg.data.FolderIndex`.
        batch_size: int, how many images of equal size are predicted together. Defaults to 4.
        on_image: called with the number of images done so far, for a progress bar. Defaults to None.

    Returns:
        An `Evaluation`.

    Raises:
        ValueError: if the model's number of classes is not the folder's.

    Examples:

    ```python
    index = ks.data.scan_folder("camvid", split="val", num_classes=11, ignore_class=11)
    print(ks.evaluation.evaluate(model, index).mean_iou)
    ```
    """
    count = index.num_classes
    have = 2 if model.output_shape[-1] == 1 else model.output_shape[-1]
    if have != count:
        _validation.fail("model", f"must have the {count} classes of {index.path}", f"a model of {have} classes")
    confusion = np.zeros((count, count), "int64")
    accuracy = np.full(len(index), np.nan)
    of_images = np.zeros((len(index), count, count), "int32")
    done = 0
    for positions, images, masks in examples_of_equal_size(index, batch_size):
        predictions = predict_classes(model, images)
        for position, mask, prediction in zip(positions, masks, predictions, strict=True):
            counted = (mask >= 0) & (mask < count) & ~np.isin(mask, index.ignore_class)
            pairs = mask[counted].astype("int64") * count + prediction[counted]
            matrix = np.bincount(pairs, minlength=count * count).reshape(count, count)
            confusion += matrix
            of_images[position] = matrix
            if matrix.any():
                accuracy[position] = np.trace(matrix) / matrix.sum()
        done += len(positions)
        if on_image is not None:
            on_image(done)
    return Evaluation(
        confusion=confusion,
        class_names=tuple(index.class_names),
        images=len(index),
        image_accuracy=accuracy,
        image_confusion=of_images,
    )
