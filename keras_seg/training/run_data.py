"""The data of a run: which split is for what, and how its masks are read."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data import split_folds, split_index
from keras_seg.data.diagnosis.diagnose import index_findings
from keras_seg.training.range_notice import with_range_notice
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.same_data import check_same_facts, files_digest
from keras_seg.training.tasks import Task, find_task


def scan_run_data(
    path: PathLike,
    *,
    validation: PathLike | None = None,
    task: str = "semantic",
    group_by: str | None = None,
    scan: Callable[..., Any] | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """The indices to train on and to validate on.

    A folder that is divided trains on its split "train" and validates on "val". Without "val", a fifth of the training
    images is set aside. Validation masks are read as the training masks are.

    The scan decodes every image and mask once, to count pixels and to find corrupt files before training starts. The
    training pipeline decodes them again: keeping them would take the memory of the whole dataset.

    Args:
        path: path of the data folder.
        validation: path of another folder to validate on. Defaults to None.
        task: str. Name of the task. Defaults to "semantic".
        group_by: str, a regular expression. Images with the same match in their names are set aside together; see
            `data.split_index`. Defaults to None.
        scan: function to call for the images to train on, with the arguments of the task's scan. Defaults to None, for
            that scan.
        **options: arguments of the task's scan, such as `num_classes`, `ignore_class`, `class_names`, `channels`,
            `components`. None counts as not given.

    Returns:
        Two indices, (train, validation). Warnings of the diagnosis that need no further reading (copies of images in
        both, single or very small images, very many values) are among the notices of the first.

    Raises:
        InputError: the folder cannot be used, there is nothing to learn in its masks, or an option does not apply to
            the task.
    """
    kind = find_task(task)
    given = {name: value for name, value in options.items() if value is not None}
    scan = scan or kind.scan
    train, held = _both(kind, path, validation, lambda split: scan(path, split=split, **given), group_by=group_by)
    return _with_warnings(path, train, held), held


def rescan_run_data(path: PathLike, run: RunFolder, *, validation: PathLike | None = None) -> tuple[Any, Any]:
    """The indices to resume a run on: as `scan_run_data`, with the masks read as the run reads them.

    Args:
        path: path of the data folder.
        run: `RunFolder` of the interrupted run.
        validation: path of another folder to validate on. Defaults to None.
    """
    plan, schema = run.load_plan(), run.load_labels()
    task, channels = find_task(plan.task), plan.fingerprint["channels"]
    group_by = plan.fingerprint.get("group_by")

    def scan(split: str | None) -> Any:
        index = task.rescan(path, schema, channels=channels, split=split)
        return with_range_notice(index, schema.get("image_range"))

    if "fold" in plan.fingerprint:
        number, folds = plan.fingerprint["fold"]
        train, _ = _parts(task, path, None, scan, held=False)
        return split_folds(train, folds=folds, groups=group_by)[number - 1]
    if run.is_folds:
        train, held = _parts(task, path, validation, scan)
        return dataclasses.replace(train, group_by=group_by), held
    return _both(task, path, validation, scan, group_by=group_by)


def scan_fold_data(
    path: PathLike,
    *,
    validation: PathLike | None = None,
    task: str = "semantic",
    group_by: str | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """The index to divide into folds, and the index of images to test the ensemble on.

    Args:
        path: path of the data folder. Its split "train" is divided if it has one, otherwise the whole folder.
        validation: path of another folder to test on. Defaults to None: the split "val" of the folder, if it has one.

    Other arguments: those of `scan_run_data`.

    Returns:
        Two indices, (images of the folds, test images); None for the second if there are none. The fate of a split
        "val" is among the notices of the first.

    Raises:
        InputError: as for `scan_run_data`.
    """
    kind = find_task(task)
    given = {name: value for name, value in options.items() if value is not None}
    index, test = _parts(kind, path, validation, lambda split: kind.scan(path, split=split, **given))
    if test is not None:
        where = f"the split val of {path}" if validation is None else str(validation)
        notice = f"Kept as test images of the ensemble, in no fold: {where} ({len(test)} images)."
        index = dataclasses.replace(index, notices=(*index.notices, notice))
    return dataclasses.replace(_with_warnings(path, index, test), group_by=group_by), test


def _with_warnings(path: PathLike, train: Any, validation: Any) -> Any:
    """The training index with the warnings of the diagnosis that its facts tell as notices."""
    lines = []
    for finding in index_findings({"train": train, **({} if validation is None else {"val": validation})}):
        if finding.severity == "error":
            raise InputError(f"{path}: {finding.message} {finding.fix}")
        # The scan itself says which classes are absent.
        if finding.severity == "warning" and finding.code != "absent-classes":
            shown = f" (such as {finding.examples[0]})" if finding.examples else ""
            lines.append(f"Warning: {finding.message.removesuffix('.')}{shown}. {finding.fix}")
    return dataclasses.replace(train, notices=(*train.notices, *lines))


def data_of_run(run: RunFolder, path: PathLike | None = None, *, validation: PathLike | None = None) -> tuple[Any, Any]:
    """The indices that a finished run was trained and validated on.

    Args:
        run: `RunFolder`.
        path: path of the data folder. Defaults to None: where it was in training.
        validation: path of the folder it was validated on, if that was another. Defaults to None.

    Raises:
        InputError: the data is not there, has another number of images, or other images or masks to validate on.
    """
    facts = run.load_plan().fingerprint
    if path is None:
        metrics = run.load_metrics()
        trained_on: str = metrics["train_data"] if "train_data" in metrics else metrics["data"]
        # The ensemble of folds is evaluated on test images.
        evaluated_on = (metrics.get("test") or metrics)["data"]
        if validation is None and evaluated_on != trained_on:
            validation = evaluated_on
        if not pathlib.Path(trained_on).exists():
            raise InputError(
                f"{trained_on}: no such folder, and {run.path} was trained on it. Pass the folder as `data`."
            )
        path = trained_on
    indices = rescan_run_data(path, run, validation=validation)
    if indices[1] is None:
        raise InputError(
            f"{run.path}: holds the ensemble of folds, which was trained on all images of {path}. Pass other images as "
            f"`data` or `validation`, or the run of one fold, {run.path / 'fold1'}."
        )
    fix = "Pass the folder of the run as `data`, and the one it was validated on as `validation`."
    train, held = indices
    known = {"run": str(run.path), "fix": fix}
    check_same_facts({"train_images": len(train)}, facts, names=("train_images",), path=train.path, **known)
    # Masks decide which images are set aside: after a change, as many may be others, some of which were trained on.
    found = {"validation_images": len(held), "validation_files": files_digest(held)}
    check_same_facts(found, facts, names=tuple(found), path=held.path, **known)
    return indices


def _both(
    task: Task,
    path: PathLike,
    validation: PathLike | None,
    scan_training: Callable[[str | None], Any],
    *,
    group_by: str | None,
) -> tuple[Any, Any]:
    if group_by is not None and (validation is not None or "val" in task.splits(path)):
        rule = "applies if validation images are set aside from the training images"
        _validation.fail("group_by", rule, group_by, "Remove it: there are other images to validate on.")
    train, held = _parts(task, path, validation, scan_training)
    return split_index(train, groups=group_by) if held is None else (train, held)


def _parts(
    task: Task,
    path: PathLike,
    validation: PathLike | None,
    scan_training: Callable[[str | None], Any],
    *,
    held: bool = True,
) -> tuple[Any, Any]:
    """The training images, and those that are not trained on: `validation`, or the split "val", or None.

    Args:
        held: bool. Whether the second are scanned. Defaults to True.
    """
    splits = task.splits(path)
    if splits and "train" not in splits:
        raise InputError(
            f"{path}: there is no split train to train on, only {', '.join(splits)}. Pass the folder of one split, or "
            "rename it to train."
        )
    train = scan_training("train" if splits else None)
    unused = [split for split in splits if split != "train" and (split != "val" or validation is not None)]
    if unused:
        notice = f"Not used in training: {', '.join(unused)} of {path}."
        train = dataclasses.replace(train, notices=(*train.notices, notice))
    if not held:
        return train, None
    if validation is not None:
        split = "val" if "val" in task.splits(validation) else None
        return train, with_range_notice(task.scan_like(validation, train, split=split), train.image_range)
    if "val" in splits:
        return train, with_range_notice(task.scan_like(path, train, split="val"), train.image_range)
    return train, None
