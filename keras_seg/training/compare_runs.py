"""Finished runs compared on the same images."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from keras_seg import _validation, evaluation
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.training.open_model import open_model
from keras_seg.training.run_data import data_of_run
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.trained_run import TrainedRun
from keras_seg.training.usable_model import UsableModel


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
        runs: sequence of paths or `RunFolder`s, two or more, of one task; with `data` also of exported files.
        data: path of a data folder. Defaults to None: the validation images of the runs, which must be the same.
        split: str. The split of `data`. Defaults to None: "val" if the folder has it.
        progress: callable (run, images done, images), or None. Defaults to None.

    Returns:
        An `evaluation.Comparison`. Its notices hold what the scan of the images found for all runs or for one, such as
        images on another scale than those that it was trained on, and a warning for each run that was trained on them.

    Raises:
        InputError: a folder is not a finished run, the runs are of several tasks or classes, or the images differ.

    Examples:

    ```python
    print(ks.training.compare_runs(["baseline", "more_augmentation"], data="camvid", split="test"))
    ```
    """
    if len(runs) < 2:
        _validation.fail("runs", "must name at least two runs", [str(run) for run in runs])
    if split is not None and data is None:
        _validation.fail("split", "applies to `data` only", split, "Pass the folder as `data`.")
    opened = [open_model(run.path if isinstance(run, RunFolder) else run) for run in runs]
    names = [str(run.path) for run in opened]
    if len(set(names)) < len(names):
        _validation.fail("runs", "must name different runs", names)
    for run, name in zip(opened, names, strict=True):
        if run.task.name != opened[0].task.name:
            raise InputError(
                f"{name}: was trained with `task={run.task.name!r}`, and {names[0]} with "
                f"`task={opened[0].task.name!r}`. Compare runs of one task."
            )
        if sorted(run.labels["names"]) != sorted(opened[0].labels["names"]):
            only = sorted(set(run.labels["names"]) ^ set(opened[0].labels["names"]))
            raise InputError(
                f"{name}: has other classes than {names[0]}: {', '.join(only[:6]) or 'repeated names'}. "
                "Compare runs of the same classes."
            )
    scans = [(_own_images(run), None) if data is None else run.scan(data, split=split) for run in opened]
    indices = [index for index, _ in scans]
    for name, index in zip(names, indices, strict=True):
        if [pair.image.resolve() for pair in index.pairs] != [pair.image.resolve() for pair in indices[0].pairs]:
            raise InputError(f"{name}: was validated on other images than {names[0]}. Pass a folder as `data`.")
    results = {}
    for run, name, index in zip(opened, names, indices, strict=True):
        report = None if progress is None else _of_run(progress, name)
        results[name] = run.evaluate(run.load_model(), index, progress=report)
    notices = _notices({name: index.notices for name, index in zip(names, indices, strict=True)})
    if data is not None:
        for run, name, (_, chosen) in zip(opened, names, scans, strict=True):
            notices += run.warnings_of(data, chosen, name=name)
    return dataclasses.replace(evaluation.compare(results), notices=tuple(notices))


def _own_images(run: UsableModel) -> Any:
    """The index of the images that a run was validated on."""
    if not isinstance(run, TrainedRun):
        raise InputError(f"{run.path}: does not say which images it was validated on. Pass a folder as `data`.")
    return data_of_run(run.folder)[1]


def _notices(found: dict[str, tuple[str, ...]]) -> list[str]:
    """What the scans for several runs found: once if it is the same for all, otherwise with the name of the run."""
    first, *others = found.values()
    shared = [text for text in first if all(text in other for other in others)]
    return [*shared, *(_named(name, text) for name, texts in found.items() for text in texts if text not in shared)]


def _named(name: str, text: str) -> str:
    heading, mark, rest = text.partition("Warning: ")
    return f"{mark}{name}: {rest}" if mark and not heading else f"{name}: {text}"


def _of_run(progress: Callable[[str, int, int | None], None], name: str) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(name, done, total)
