"""Out of fold: the edges between classes."""

import dataclasses

import keras
import numpy as np

from keras_seg.data import FolderIndex
from keras_seg.evaluation.boundaries import BoundaryEvaluation, evaluate_boundaries
from keras_seg.evaluation.choose_thresholds import Trials, choose_thresholds
from keras_seg.evaluation.compare import AnyEvaluation
from keras_seg.evaluation.folds.fold_predictions import AnyChoice, CountedPasses, FoldPredictions
from keras_seg.evaluation.merge_parts import merge_folds
from keras_seg.evaluation.threshold_choice import ThresholdChoice


class BoundaryFolds(FoldPredictions):
    """Evaluations, which hold the counts of each image at every threshold."""

    index_type = FolderIndex

    def add(self, model: keras.Model, fold: int, passes: CountedPasses) -> None:
        """Evaluate the fold at all thresholds."""
        index = self.indices[fold]
        self._found.append(evaluate_boundaries(model, index, batch_size=self.batch_size, progress=passes.one()))

    def choose(self, groups: np.ndarray) -> ThresholdChoice:
        """One of the thresholds that `evaluate_boundaries` tries."""
        whole = merge_folds(self._found)
        folds = np.repeat(np.arange(len(self._found)), [len(index) for index in self.indices])
        return choose_thresholds(_BoundaryTrials(whole), groups=groups, folds=folds)

    def evaluations(self, choice: AnyChoice | None, passes: CountedPasses) -> list[AnyEvaluation]:
        """What was added, at the threshold that was chosen."""
        settings = choice.settings if isinstance(choice, ThresholdChoice) else {}
        return [dataclasses.replace(found, **settings) for found in self._found]


class _BoundaryTrials(Trials):
    """The counts of `evaluate_boundaries` at its thresholds."""

    def __init__(self, evaluation: BoundaryEvaluation) -> None:
        settings = [{"threshold": threshold} for threshold in evaluation.thresholds]
        default = evaluation.thresholds.index(evaluation.threshold)
        super().__init__(settings, default=default, table=evaluation.counts)
        self._evaluation = evaluation

    def best(self, images: np.ndarray) -> int:
        of_images = dataclasses.replace(self._evaluation, counts=self.table[images])
        return of_images.thresholds.index(of_images.best_threshold)

    def scores_of_counts(self, counts: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        one = {"thresholds": (self._evaluation.threshold,), "counts": counts[:, None]}
        return dataclasses.replace(self._evaluation, **one).scores_of_samples(drawn)
