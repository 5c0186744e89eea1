"""How the folds of each task are evaluated."""

from collections.abc import Sequence
from typing import Any

from keras_seg import _validation
from keras_seg.evaluation.folds.boundary_folds import BoundaryFolds
from keras_seg.evaluation.folds.fold_predictions import FoldPredictions
from keras_seg.evaluation.folds.instance_folds import InstanceFolds
from keras_seg.evaluation.folds.multilabel_folds import MultiLabelFolds
from keras_seg.evaluation.folds.semantic_folds import SemanticFolds

# By the name of the task, as in plans; the first of those with an index of one kind is that of the index alone.
KINDS: dict[str, type[FoldPredictions]] = {
    "semantic": SemanticFolds,
    "multilabel": MultiLabelFolds,
    "instances": InstanceFolds,
    "boundary": BoundaryFolds,
}


def kind_of_folds(task: str | None, indices: Sequence[Any]) -> type[FoldPredictions]:
    """The class of a task, or of the indices for None.

    Raises:
        InputError: the indices are not of this task, or there are fewer than two.
    """
    types = sorted({type(index).__name__ for index in indices})
    if task is None:
        fitting = [kind for kind in KINDS.values() if all(isinstance(index, kind.index_type) for index in indices)]
        names = sorted({kind.index_type.__name__ for kind in KINDS.values()})
        if not fitting or len(indices) < 2:
            rule = f"must be of two folds or more, and of one kind: {', '.join(names)}"
            _validation.fail("indices", rule, f"{len(indices)} of {', '.join(types)}")
        return fitting[0]
    kind = KINDS[_validation.one_of("task", task, KINDS)]
    if len(indices) < 2 or not all(isinstance(index, kind.index_type) for index in indices):
        rule = f"must be {kind.index_type.__name__} of two folds or more for `task={task!r}`"
        _validation.fail("indices", rule, f"{len(indices)} of {', '.join(types)}")
    return kind
