"""Cross-validation: one run per fold, and their ensemble."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_seg._types import PathLike
from keras_seg.training.experiment_logs import check_logs
from keras_seg.training.fold_runs import Fold, FoldRuns, FoldsResult
from keras_seg.training.run_folder import RunFolder


def fit_folds(
    index: Any,
    *,
    run: RunFolder | PathLike,
    test: Any = None,
    folds: int | None = None,
    groups: str | None = None,
    choices: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    log: Sequence[str] = (),
    started: Callable[[Fold], None] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> FoldsResult:
    """Train a model per fold, score each image by the model that was not trained on it, and save their ensemble.

    Every task has folds: semantic segmentation, with a channel per class or one, overlapping classes, instances and
    boundaries.

    The run folder holds a run per fold, `fold1`, `fold2`, ..., each as `fit` writes it, and for all folds together
    `metrics.json` (the scores out of fold with bootstrap intervals), `report.html`, `decoding.json` (the
    postprocessing, or the thresholds, that were chosen on predictions out of fold, where they show a gain) and
    `ensemble.keras`, the model of the run. An interrupted run resumes: finished folds are skipped.

    The folds are those of `data.split_folds` with seed 0.

    Args:
        index: `data.FolderIndex` of all images to divide; a `data.InstanceIndex` for the task "instances", a
            `data.MultiLabelIndex` for "multilabel".
        run: path or `RunFolder`. Made if it does not exist.
        test: index of the same kind, of images in no fold, on which the ensemble is evaluated. Defaults to None: the
            ensemble has then seen all images, and only its members are scored.
        folds: int >= 2. Defaults to None: 5, or as many as the resumed run has.
        groups: str, a regular expression that finds a group in the names of the images; see `data.split_folds`.
            Defaults to None.
        choices: dict of arguments of `make_plan`, which makes the plan of each fold, among them the `task`: "semantic"
            unless it is given. `minutes` are those of all folds together, and are divided by their number. Defaults to
            None, for none.
        resume: bool. Whether to continue an interrupted run, with the choices that it was begun with. Defaults to
            False.
        overwrite: bool. Whether to replace an older run. Defaults to False.
        log: sequence of str. Further logs of each fold, as for `fit`. Defaults to ().
        started: callable (fold), called before each fold that is trained, or None. A fold has `number`, `train`,
            `validation`, `run` and `plan`. Defaults to None.
        progress: callable (images done, images) of the evaluation of all folds, or None. Defaults to None.

    Returns:
        A `FoldsResult`.

    Raises:
        InputError: there are fewer images or groups than folds, the index is not of the task, the test images have
            other classes or channels, the run folder cannot be used, or what `make_plan`, `fit` and `data.split_folds`
            refuse.
        ImportError: the package of a log is missing, or one that the scores of the task need.

    Examples:

    ```python
    index = ks.data.scan_folder("my_data", split="train")
    result = ks.training.fit_folds(index, run="my_folds", folds=5, choices={"minutes": 60})
    print(result.folds.interval, result.model)
    ```
    """
    check_logs(log)
    runs = FoldRuns(
        index,
        run=run,
        test=test,
        folds=folds,
        groups=groups,
        choices=choices,
        resume=resume,
        overwrite=overwrite,
    )
    for fold in runs.folds:
        if not fold.finished:
            if started is not None:
                started(fold)
            runs.train(fold, log=log)
    return runs.finish(progress)
