"""Out of fold: one class per pixel."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_seg.data import FolderIndex
from keras_seg.data.index.example_groups import group_keys
from keras_seg.evaluation.batching import each_prediction, labeled_classes, output_channels
from keras_seg.evaluation.choose_postprocessing import PredictedMaps, choose
from keras_seg.evaluation.compare import AnyEvaluation
from keras_seg.evaluation.folds.fold_predictions import AnyChoice, CountedPasses, FoldPredictions
from keras_seg.evaluation.image_matrix import image_matrix
from keras_seg.evaluation.postprocessing_choice import PostprocessingChoice
from keras_seg.evaluation.semantic import evaluate, evaluation_of
from keras_seg.inference.output_kind import class_ids, output_kind
from keras_seg.metrics import ConfusionMatrix


class SemanticFolds(FoldPredictions):
    """Class maps, compressed, as a postprocessing is chosen on all of them; evaluations where none is chosen."""

    index_type = FolderIndex

    def __init__(self, indices: Sequence[Any], *, batch_size: int | None, choosing: bool) -> None:
        super().__init__(indices, batch_size=batch_size, choosing=choosing)
        self._maps = PredictedMaps(indices[0].class_names, indices[0].ignore_class)
        # The fold and the position of each map.
        self._places: list[tuple[int, int]] = []

    def add(self, model: keras.Model, fold: int, passes: CountedPasses) -> None:
        """Keep the maps, or their evaluation."""
        index = self.indices[fold]
        if not self.choosing:
            self._found.append(evaluate(model, index, batch_size=self.batch_size, progress=passes.one()))
            return
        classes, kind = max(2, output_channels(model)), output_kind(model)
        labeled = labeled_classes(
            index, split=None, ignore_class=None, model_classes=classes, batch_size=self.batch_size
        )
        keys = None if index.group_by is None else group_keys(index, index.group_by)
        for position, mask, scores in each_prediction(model, labeled, progress=passes.one()):
            self._maps.add(mask, class_ids(scores, kind), group=None if keys is None else keys[position])
            self._places.append((fold, position))

    def choose(self, groups: np.ndarray) -> PostprocessingChoice:
        """As `choose_postprocessing`."""
        return choose(self._maps)

    def evaluations(self, choice: AnyChoice | None, passes: CountedPasses) -> list[AnyEvaluation]:
        """Of the maps as they are postprocessed."""
        if not isinstance(choice, PostprocessingChoice):
            return list(self._found)
        names = self._maps.class_names
        # Pixels that do not count hold the number of classes in the packed masks.
        metric = ConfusionMatrix(len(names), ignore_class=len(names))
        matrices = [np.zeros((len(index), len(names), len(names)), "int32") for index in self.indices]
        for number, (fold, position) in enumerate(self._places):
            mask, ids = self._maps.get(number)
            cleaned = choice.postprocessing(ids).astype("int32")
            matrices[fold][position] = image_matrix(metric, mask.astype("int32"), cleaned)
        return [evaluation_of(of_fold, names, self._maps.ignore_class) for of_fold in matrices]
