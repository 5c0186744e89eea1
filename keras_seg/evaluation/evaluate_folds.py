"""Evaluation out of fold: each image is predicted by the model that was not trained on it."""

import itertools
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import Progress
from keras_seg.data.index.example_groups import group_keys
from keras_seg.evaluation.batching import reported
from keras_seg.evaluation.choose_postprocessing import least_images
from keras_seg.evaluation.folds.fold_predictions import CountedPasses
from keras_seg.evaluation.folds.kinds_of_folds import kind_of_folds
from keras_seg.evaluation.folds_evaluation import FoldsEvaluation
from keras_seg.evaluation.merge_parts import merge_folds
from keras_seg.evaluation.score_interval import iou_with_intervals, score_interval


def evaluate_folds(
    models: Iterable[keras.Model],
    indices: Sequence[Any],
    *,
    task: str | None = None,
    postprocessing: bool = False,
    batch_size: int | None = None,
    progress: Progress = None,
) -> FoldsEvaluation:
    """Evaluate the models of folds, each on the images that it was not trained on.

    Args:
        models: iterable of keras.Model, one per fold, such as a generator that loads one after the other.
        indices: sequence of `data.FolderIndex`, `data.MultiLabelIndex` or `data.InstanceIndex`. The validation images
            of each fold, as `data.split_folds` divides them.
        task: None, "semantic", "multilabel", "instances" or "boundary". Defaults to None: that of the indices,
            "semantic" for a `FolderIndex`.
        postprocessing: bool. Whether to choose, on all of these predictions, a postprocessing for the task "semantic",
            or thresholds for "instances" and "boundary", where they show a gain. With instances, thresholds are tried
            on at most 16 images of each fold. Defaults to False.
        batch_size: None or int. Images of equal size that are predicted together. Defaults to None, for 4.
        progress: as for `evaluate`; images that are predicted twice count twice. Defaults to None.

    Returns:
        A `FoldsEvaluation`.

    Raises:
        InputError: if there are fewer than two folds, not one model per fold, a model and its data have different
            classes or channels, the indices are not of the task or were read differently, or the task has nothing to
            choose.
        ImportError: if SciPy is missing and `postprocessing` is True with enough images to choose on, or the task is
            "instances" or "boundary" and scikit-image is missing: `pip install "keras-seg[instances]"`.

    Examples:

    ```python
    parts = ks.data.split_folds(index, folds=5)
    models = [train(training) for training, _ in parts]
    result = ks.evaluation.evaluate_folds(models, [validation for _, validation in parts])
    print(result.interval)
    ```
    """
    _validation.boolean("postprocessing", postprocessing)
    kind = kind_of_folds(task, indices)
    _check_read_alike(indices)
    if postprocessing and kind.undecided:
        rule = f"does not apply to a {kind.index_type.__name__}: {kind.undecided}"
        _validation.fail("postprocessing", rule, postprocessing, "Leave it out.")
    groups = _group_numbers(indices)
    choosing = postprocessing and int(groups.max()) + 1 >= least_images()
    if choosing:  # Asked for before minutes of prediction.
        _validation.optional_import("scipy.ndimage", "boundary", "`postprocessing`")
    predictions = kind(indices, batch_size=batch_size, choosing=choosing)
    remaining = iter(models)
    with reported(progress, predictions.total) as report:
        passes = CountedPasses(report)
        for fold in range(len(indices)):
            model = next(remaining, None)
            if model is None:
                _validation.fail("models", f"must be one per fold, {len(indices)}", f"{fold} models")
            predictions.add(model, fold, passes)
        if next(remaining, None) is not None:
            _validation.fail("models", f"must be one per fold, {len(indices)}", "more models")
        choice = predictions.choose(groups) if choosing else None
        folds = predictions.evaluations(choice, passes)
    evaluation = merge_folds(folds)
    return FoldsEvaluation(
        evaluation=evaluation,
        folds=tuple(folds),
        interval=score_interval(evaluation, groups),
        iou=iou_with_intervals(evaluation, groups),
        choice=choice,
    )


def _check_read_alike(indices: Sequence[Any]) -> None:
    """Counts of all folds are added class by class, and their means leave out what the first one ignores."""
    for name in ("class_names", "ignore_class"):
        first, *others = (tuple(getattr(index, name, ())) for index in indices)
        for fold, found in enumerate(others, start=2):
            for one, other in itertools.zip_longest(first, found):
                if one != other:
                    fix = "Read all images as one index, and divide it with data.split_folds."
                    both = f"fold 1 has {one!r} where fold {fold} has {other!r}"
                    _validation.fail("indices", f"must have the same `{name}`", both, fix)


def _group_numbers(indices: Sequence[Any]) -> np.ndarray:
    """The number of the group of each image, in the order of the folds: int array (images,)."""
    numbers: dict[Hashable, int] = {}
    found = []
    for fold, index in enumerate(indices):
        for key in group_keys(index, index.group_by):
            # Without groups, each image is its own.
            found.append(numbers.setdefault(key if index.group_by is not None else (fold, key), len(numbers)))
    return np.array(found)
