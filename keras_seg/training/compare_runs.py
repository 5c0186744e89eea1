"""Finished runs compared on the same images."""

from collections.abc import Callable, Sequence

from keras_seg import _validation, evaluation
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.training.run_data import data_of_run
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.trained_run import TrainedRun


def compare_runs(
    runs: Sequence[RunFolder | PathLike],
    *,
    data: PathLike | None = None,
    split: str | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> evaluation.Comparison:
    """Evaluate the models of finished runs on the same images, and compare them with the first.

    Each run reads the masks as it was trained to; the classes are matched by their names.

    Args:
        runs: sequence of paths or `RunFolder`s, two or more, of the task "semantic".
        data: path of a data folder. Defaults to None: the validation images of the runs, which must be the same.
        split: str. The split of `data`. Defaults to None: "val" if the folder has it.
        progress: callable (run, images done, images), or None. Defaults to None.

    Returns:
        An `evaluation.Comparison`.

    Raises:
        InputError: a folder is not a finished run, a run has another task or other classes, or the images differ.

    Examples:

    ```python
    print(ks.training.compare_runs(["baseline", "more_augmentation"], data="camvid", split="test"))
    ```
    """
    if len(runs) < 2:
        _validation.fail("runs", "must name at least two runs", [str(run) for run in runs])
    if split is not None and data is None:
        _validation.fail("split", "applies to `data` only", split, "Pass the folder as `data`.")
    opened = [TrainedRun(run) for run in runs]
    names = [str(run.folder.path) for run in opened]
    if len(set(names)) < len(names):
        _validation.fail("runs", "must name different runs", names)
    for run, name in zip(opened, names, strict=True):
        if run.task.name != "semantic":
            raise InputError(
                f'{name}: was trained with task="{run.task.name}", and only semantic runs can be compared. '
                "Evaluate each run instead."
            )
        if sorted(run.labels["names"]) != sorted(opened[0].labels["names"]):
            only = sorted(set(run.labels["names"]) ^ set(opened[0].labels["names"]))
            raise InputError(
                f"{name}: has other classes than {names[0]}: {', '.join(only[:6]) or 'repeated names'}. "
                "Compare runs of the same classes."
            )
    indices = [data_of_run(run.folder)[1] if data is None else run.scan(data, split=split)[0] for run in opened]
    for name, index in zip(names, indices, strict=True):
        if [pair.image.resolve() for pair in index.pairs] != [pair.image.resolve() for pair in indices[0].pairs]:
            raise InputError(f"{name}: was validated on other images than {names[0]}. Pass a folder as `data`.")
    results = {}
    for run, name, index in zip(opened, names, indices, strict=True):
        report = None if progress is None else _of_run(progress, name)
        results[name] = run.evaluate(run.folder.load_model(), index, progress=report)
    return evaluation.compare(results)


def _of_run(progress: Callable[[str, int, int | None], None], name: str) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(name, done, total)
