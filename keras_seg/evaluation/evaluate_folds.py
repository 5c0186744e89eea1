"""Scores out of fold: each image is predicted by the model that was not trained on it."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import Progress
from keras_seg.data import FolderIndex
from keras_seg.data.index.example_groups import group_keys
from keras_seg.evaluation.batching import each_prediction, labeled_classes, output_channels, reported
from keras_seg.evaluation.choose_postprocessing import PredictedMaps, choose, least_images
from keras_seg.evaluation.image_matrix import image_matrix
from keras_seg.evaluation.postprocessing_choice import PostprocessingChoice
from keras_seg.evaluation.semantic import Evaluation, evaluation_of
from keras_seg.inference import Postprocessing
from keras_seg.inference.output_kind import class_ids, output_kind
from keras_seg.metrics import ConfusionMatrix, Interval, confidence_interval, iou_intervals


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoldsEvaluation:
    """Scores over all folds.

    Attributes:
        evaluation: `Evaluation` of all images, each predicted by the model that was not trained on it.
        folds: tuple of `Evaluation`, one per fold.
        mean_iou: `metrics.Interval` of the mean IoU of all images. Bootstrap samples draw images, or groups of images
            where the index has groups.
        iou: float array (classes, 3). IoU of each class, low and high end of its interval; NaN for a class that occurs
            nowhere.
        choice: `PostprocessingChoice` on all images, which the scores follow; None where it was not asked for, or there
            are too few images.
    """

    evaluation: Evaluation
    folds: tuple[Evaluation, ...]
    mean_iou: Interval
    iou: np.ndarray
    choice: PostprocessingChoice | None

    @property
    def score(self) -> float:
        """The mean IoU of all images."""
        return self.evaluation.mean_iou

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None for a class that occurs nowhere."""
        ends = [self.mean_iou.low, self.mean_iou.high]
        rows = zip(self.evaluation.class_names, self.iou, strict=True)
        return {
            **self.evaluation.to_dict(),
            "mean_iou_interval": ends if np.isfinite(ends).all() else None,
            "iou_intervals": {name: row[1:].tolist() if np.isfinite(row).all() else None for name, row in rows},
            "folds": [{"images": fold.images, "mean_iou": fold.mean_iou} for fold in self.folds],
        }


def evaluate_folds(
    models: Iterable[keras.Model],
    indices: Sequence[FolderIndex],
    *,
    postprocessing: bool = False,
    batch_size: int | None = None,
    progress: Progress = None,
) -> FoldsEvaluation:
    """Evaluate the models of folds, each on the images that it was not trained on.

    Args:
        models: iterable of keras.Model, one per fold, such as a generator that loads one after the other.
        indices: sequence of `FolderIndex`. The validation images of each fold, as `data.split_folds` divides them.
        postprocessing: bool. Whether to choose a postprocessing on all of these predictions. Defaults to False.
        batch_size: None or int. Images of equal size that are predicted together. Defaults to None, for 4.
        progress: as for `evaluate`. Defaults to None.

    Returns:
        A `FoldsEvaluation`.

    Raises:
        InputError: if there are fewer than two folds, not one model per fold, or a model and its data have different
            classes.
        ImportError: if SciPy is missing and `postprocessing` is True: `pip install "keras-seg[boundary]"`.

    Examples:

    ```python
    parts = ks.data.split_folds(index, folds=5)
    models = [train(training) for training, _ in parts]
    result = ks.evaluation.evaluate_folds(models, [validation for _, validation in parts])
    print(result.mean_iou)
    ```
    """
    _validation.boolean("postprocessing", postprocessing)
    if len(indices) < 2 or not all(isinstance(index, FolderIndex) for index in indices):
        _validation.fail(
            "indices", "must be FolderIndex of two folds or more", [type(item).__name__ for item in indices]
        )
    names, ignored = indices[0].class_names, indices[0].ignore_class
    maps, places = PredictedMaps(names, ignored), []
    done = 0
    remaining = iter(models)
    with reported(progress, sum(map(len, indices))) as report:
        for fold, index in enumerate(indices):
            model = next(remaining, None)
            if model is None:
                _validation.fail("models", f"must be one per fold, {len(indices)}", f"{fold} models")
            classes, kind = max(2, output_channels(model)), output_kind(model)
            labeled = labeled_classes(
                index, split=None, ignore_class=None, model_classes=classes, batch_size=batch_size
            )
            keys = group_keys(index, index.group_by)
            for position, mask, scores in each_prediction(model, labeled):
                group = None if index.group_by is None else keys[position]
                maps.add(mask, class_ids(scores, kind), group=group)
                places.append((fold, position))
                done += 1
                report(done)
    if next(remaining, None) is not None:
        _validation.fail("models", f"must be one per fold, {len(indices)}", "more models")
    enough = maps.groups.max(initial=-1) + 1 >= least_images()
    choice = choose(maps) if postprocessing and enough else None
    clean = Postprocessing() if choice is None else choice.postprocessing
    # Pixels that do not count hold the number of classes in the packed masks.
    metric = ConfusionMatrix(len(names), ignore_class=len(names))
    matrices = [np.zeros((len(index), len(names), len(names)), "int32") for index in indices]
    by_group = np.zeros((maps.groups.max() + 1, len(names), len(names)))
    for number, (fold, position) in enumerate(places):
        mask, ids = maps.get(number)
        found = image_matrix(metric, mask.astype("int32"), clean(ids).astype("int32"))
        matrices[fold][position] = found
        by_group[maps.groups[number]] += found
    several = len(by_group) > 1
    evaluation = evaluation_of(np.concatenate(matrices), names)
    alone = Interval(value=evaluation.mean_iou, low=np.nan, high=np.nan, level=0.95, samples=np.zeros(0))
    return FoldsEvaluation(
        evaluation=evaluation,
        folds=tuple(evaluation_of(of_fold, names) for of_fold in matrices),
        mean_iou=confidence_interval(by_group) if several else alone,
        iou=iou_intervals(by_group) if several else np.stack([evaluation.iou, *[np.full(len(names), np.nan)] * 2], 1),
        choice=choice,
    )
