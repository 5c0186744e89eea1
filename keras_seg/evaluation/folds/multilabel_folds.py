"""Out of fold: classes that may overlap."""

import keras

from keras_seg.data import MultiLabelIndex
from keras_seg.evaluation.compare import AnyEvaluation
from keras_seg.evaluation.folds.fold_predictions import AnyChoice, CountedPasses, FoldPredictions
from keras_seg.evaluation.multilabel import evaluate_multilabel


class MultiLabelFolds(FoldPredictions):
    """Evaluations: the probabilities are read at 0.5, so there is nothing to choose."""

    index_type = MultiLabelIndex
    undecided = "classes that may overlap are read where their probability exceeds 0.5"

    def add(self, model: keras.Model, fold: int, passes: CountedPasses) -> None:
        """Evaluate the fold."""
        index = self.indices[fold]
        self._found.append(evaluate_multilabel(model, index, batch_size=self.batch_size, progress=passes.one()))

    def evaluations(self, choice: AnyChoice | None, passes: CountedPasses) -> list[AnyEvaluation]:
        """What was added."""
        return list(self._found)
