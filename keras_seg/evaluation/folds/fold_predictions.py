"""The interface to the predictions out of fold of one task."""

import abc
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from keras_seg.data.index.data_index import DataIndex
from keras_seg.evaluation.compare import AnyEvaluation
from keras_seg.evaluation.postprocessing_choice import PostprocessingChoice
from keras_seg.evaluation.threshold_choice import ThresholdChoice

AnyChoice = PostprocessingChoice | ThresholdChoice


class CountedPasses:
    """Images that are done over several passes.

    Args:
        report: callable. Called with the images done in all passes together.
    """

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report, self._done = report, 0

    def one(self) -> Callable[[int, int | None], None]:
        """The `progress` of the next pass, which counts from 0."""
        before = self._done

        def progress(done: int, total: int | None) -> None:
            self._done = before + done
            self._report(self._done)

        return progress


class FoldPredictions(abc.ABC):
    """Predictions out of fold: what is kept of them until the last fold is known.

    The folds are added in their order; then the settings may be chosen, and the folds are evaluated.

    Args:
        indices: sequence of indices. The validation images of each fold.
        batch_size: None or int. Images of equal size that are predicted together; None for 4.
        choosing: bool. Whether `choose` will be called.

    Attributes:
        index_type: class of the indices.
        undecided: str. Why there is nothing to choose, for errors; "" for tasks that have something to choose.
    """

    index_type: ClassVar[type[DataIndex]]
    undecided: ClassVar[str] = ""

    def __init__(self, indices: Sequence[Any], *, batch_size: int | None, choosing: bool) -> None:
        self.indices, self.batch_size, self.choosing = indices, batch_size, choosing
        self._found: list[Any] = []

    @property
    def total(self) -> int:
        """int. How many images are predicted until all folds are evaluated."""
        return sum(map(len, self.indices))

    @abc.abstractmethod
    def add(self, model: keras.Model, fold: int, passes: CountedPasses) -> None:
        """Predict the images of a fold.

        Args:
            model: keras.Model that was not trained on them.
            fold: int. Position in `indices`.
            passes: `CountedPasses` that are reported.
        """

    def choose(self, groups: np.ndarray) -> AnyChoice:
        """The settings for all folds, chosen on what was added.

        Args:
            groups: int array (images,). The number of the group of each image, in the order of the folds.
        """
        raise NotImplementedError(self.undecided)

    @abc.abstractmethod
    def evaluations(self, choice: AnyChoice | None, passes: CountedPasses) -> list[AnyEvaluation]:
        """The evaluation of each fold.

        Args:
            choice: what `choose` has returned; None for the defaults.
            passes: `CountedPasses` that are reported.
        """
