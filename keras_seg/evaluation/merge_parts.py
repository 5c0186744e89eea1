"""The evaluation of all images from those of parts."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seg._validation import InputError
from keras_seg.evaluation.instances import InstanceEvaluation, instance_evaluation_of
from keras_seg.evaluation.semantic import Evaluation, evaluation_of


def merge_parts(parts: Sequence[tuple[Sequence[int], Any]]) -> Any:
    """The evaluation of all images, equal to one that was made at once.

    Args:
        parts: sequence of (positions of the images, their evaluation), in any order; every position from 0 occurs once.

    Returns:
        An evaluation of the same kind.

    Raises:
        InputError: an image is missing, or occurs twice.
    """
    positions = [position for images, _ in parts for position in images]
    if sorted(positions) != list(range(len(positions))) or not positions:
        raise InputError("`parts` must hold every image once. Evaluate again.")
    order, first = np.argsort(positions), parts[0][1]

    def whole(name: str) -> np.ndarray:
        return np.concatenate([getattr(evaluation, name) for _, evaluation in parts])[order]

    if isinstance(first, Evaluation):
        return evaluation_of(whole("image_confusion"), first.class_names, first.ignore_class)
    if isinstance(first, InstanceEvaluation):
        of_images = [quality for _, evaluation in parts for quality in evaluation.image_panoptic]
        return instance_evaluation_of(whole("counts"), [of_images[place] for place in order])
    return dataclasses.replace(first, counts=whole("counts"))


def merge_folds(evaluations: Sequence[Any]) -> Any:
    """The evaluation of the images of all folds, one fold after the other.

    Args:
        evaluations: sequence of evaluations of one kind.
    """
    ends = np.cumsum([evaluation.images for evaluation in evaluations]).tolist()
    starts = [0, *ends[:-1]]
    return merge_parts([(range(*pair), one) for *pair, one in zip(starts, ends, evaluations, strict=True)])
