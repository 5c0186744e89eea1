"""Out of fold: separate objects."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_seg.data import InstanceIndex
from keras_seg.evaluation.batching import each_prediction, labeled_objects, spread
from keras_seg.evaluation.choose_thresholds import Trials, choose_thresholds
from keras_seg.evaluation.compare import AnyEvaluation
from keras_seg.evaluation.folds.fold_predictions import AnyChoice, CountedPasses, FoldPredictions
from keras_seg.evaluation.instance_grid import InstanceGrid
from keras_seg.evaluation.instances import InstanceEvaluation, evaluate_instances
from keras_seg.evaluation.threshold_choice import ThresholdChoice
from keras_seg.evaluation.tune_instances import TUNED_ON


class InstanceFolds(FoldPredictions):
    """The scores of some images at every combination of thresholds, and the models.

    Probabilities are too large to keep, so with thresholds to choose, all images are predicted when these are known.
    """

    index_type = InstanceIndex

    def __init__(self, indices: Sequence[Any], *, batch_size: int | None, choosing: bool) -> None:
        super().__init__(indices, batch_size=batch_size, choosing=choosing)
        self._models: list[keras.Model] = []
        self._grid = InstanceGrid()
        self._scores: list[np.ndarray] = []

    @property
    def total(self) -> int:
        tried = sum(len(positions) for positions in self._tried) if self.choosing else 0
        return tried + super().total

    @property
    def _tried(self) -> list[list[int]]:
        """The positions in each fold on which thresholds are tried."""
        return [spread(len(index), TUNED_ON) for index in self.indices]

    def add(self, model: keras.Model, fold: int, passes: CountedPasses) -> None:
        """Evaluate the fold, or try all thresholds on some of its images."""
        index: Any = self.indices[fold]
        if not self.choosing:
            self._found.append(self._evaluated(model, fold, None, passes))
            return
        self._models.append(model)
        some = index.subset(self._tried[fold])
        labeled = labeled_objects(some, split=None, ignore_class=None, batch_size=self.batch_size)
        scores = {
            position: self._grid.scores(probabilities, ids)
            for position, ids, probabilities in each_prediction(model, labeled, channels=3, progress=passes.one())
        }
        self._scores += [scores[position] for position in sorted(scores)]

    def choose(self, groups: np.ndarray) -> ThresholdChoice:
        """One combination of those that `tune_instances` tries."""
        tried, before, folds = [], 0, []
        for fold, positions in enumerate(self._tried):
            tried += [before + position for position in positions]
            folds += [fold] * len(positions)
            before += len(self.indices[fold])
        trials = _InstanceTrials(self._grid, np.stack(self._scores))
        return choose_thresholds(trials, groups=groups[tried], folds=np.array(folds))

    def evaluations(self, choice: AnyChoice | None, passes: CountedPasses) -> list[AnyEvaluation]:
        """With the thresholds that were chosen."""
        settings = choice.settings if isinstance(choice, ThresholdChoice) else None
        chosen = [self._evaluated(model, fold, settings, passes) for fold, model in enumerate(self._models)]
        return [*self._found, *chosen]

    def _evaluated(
        self, model: keras.Model, fold: int, settings: dict[str, Any] | None, passes: CountedPasses
    ) -> InstanceEvaluation:
        index: Any = self.indices[fold]
        return evaluate_instances(model, index, settings=settings, batch_size=self.batch_size, progress=passes.one())


class _InstanceTrials(Trials):
    """The instance score of each image at each combination of thresholds, (images, settings)."""

    def __init__(self, grid: InstanceGrid, scores: np.ndarray) -> None:
        super().__init__(grid.settings, default=grid.default, table=scores)
        self._grid = grid

    def best(self, images: np.ndarray) -> int:
        return self._grid.best(self.table[images])

    def scores_of_counts(self, counts: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        return drawn @ counts / drawn.sum(axis=1)
