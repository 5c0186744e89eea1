"""Judging a model on a folder of images, each at its own size."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg.data.decoded_store import DecodedStore
from keras_seg.inference.prediction import predict_classes
from keras_seg.metrics import scores


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a model got right on a set of images.

    Attributes:
        confusion: int64 array (num_classes, num_classes), pixels by true class (row) and predicted class (column).
        class_names: tuple of str.
        images: int, how many were judged.
        image_accuracy: float array (images,), the share of right pixels of each image; NaN where all pixels are
            ignored.
    """

    confusion: np.ndarray
    class_names: tuple
    images: int
    image_accuracy: np.ndarray

    @property
    def iou(self):
        """Intersection over union of each class over all pixels of the set; NaN for a class that occurs nowhere."""
        return scores.iou_per_class(self.confusion)

    @property
    def mean_iou(self):
        """Mean of `iou` over the classes that occur."""
        return float(scores.mean_iou(self.confusion))

    def to_dict(self):
        """All results as a JSON-ready dict; a class that occurs nowhere has None."""
        return {
            "images": self.images,
            "mean_iou": self.mean_iou,
            "pixel_accuracy": float(scores.pixel_accuracy(self.confusion)),
            "mean_accuracy": float(scores.mean_accuracy(self.confusion)),
            "frequency_weighted_iou": float(scores.frequency_weighted_iou(self.confusion)),
            "iou": {
                name: None if np.isnan(value) else float(value)
                for name, value in zip(self.class_names, self.iou, strict=True)
            },
            "confusion": self.confusion.tolist(),
        }


def evaluate(model, index, batch_size=4, on_image=None):
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

    Example:

    ```python
    index = ks.data.scan_folder("camvid", split="val", num_classes=11, ignore_class=11)
    print(ks.inference.evaluate(model, index).mean_iou)
    ```
    """
    count = index.num_classes
    have = 2 if model.output_shape[-1] == 1 else model.output_shape[-1]
    if have != count:
        _validation.fail("model", f"must have the {count} classes of {index.path}", f"a model of {have} classes")
    confusion = np.zeros((count, count), "int64")
    accuracy = np.full(len(index), np.nan)
    store, done = DecodedStore(index), 0
    for positions in _batches_of_equal_size(index.sizes, batch_size):
        examples = [store.get(position) for position in positions]
        predictions = predict_classes(model, np.stack([image for image, _ in examples]))
        for position, (_, mask), prediction in zip(positions, examples, predictions, strict=True):
            counted = (mask >= 0) & (mask < count) & ~np.isin(mask, index.ignore_class)
            pairs = mask[counted].astype("int64") * count + prediction[counted]
            matrix = np.bincount(pairs, minlength=count * count).reshape(count, count)
            confusion += matrix
            if matrix.any():
                accuracy[position] = np.trace(matrix) / matrix.sum()
        done += len(positions)
        if on_image is not None:
            on_image(done)
    return Evaluation(confusion, tuple(index.class_names), len(index), accuracy)


def _batches_of_equal_size(sizes, batch_size):
    """Positions grouped by size and cut into batches, so that nothing is padded that is judged."""
    groups = {}
    for position, size in enumerate(sizes):
        groups.setdefault(tuple(size), []).append(position)
    for positions in groups.values():
        for start in range(0, len(positions), batch_size):
            yield positions[start : start + batch_size]
