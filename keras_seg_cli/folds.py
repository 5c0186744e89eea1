"""keras-seg train --folds: one run per fold, and their ensemble."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import rich.box
import rich.table

from keras_seg_cli import console, steps
from keras_seg_cli.postprocessing import print_postprocessing

if TYPE_CHECKING:
    from keras_seg import training
    from keras_seg.training.fold_runs import FoldRuns
    from keras_seg.training.tasks import Task


def train_folds(
    data: str,
    run: "training.RunFolder",
    *,
    validation: str | None,
    started: float,
    folds: int | None = None,
    task: str | None = None,
    log: Sequence[str] = (),
    reading: dict[str, Any] | None = None,
    choices: dict[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> None:
    """Train all folds that are not finished, and print the scores out of fold."""
    from keras_seg.training.fold_runs import FoldRuns

    options = {} if resume else {"task": task or "semantic", **(reading or {})}
    choices = None if resume else {**(choices or {}), "task": task}
    index, test = steps.scan_folds(data, run=run if resume else None, validation=validation, **options)
    runs = FoldRuns(
        index, run=run, test=test, folds=folds, choices=choices, resume=resume, overwrite=overwrite, began=started
    )
    console.notices(runs.notices)
    _describe(runs)
    for fold in runs.folds:
        title = f"Fold {fold.number} of {len(runs.folds)}"
        if fold.finished:
            console.rule(f"{title}: finished already")
            continue
        console.rule(title)
        # What the command has spent before training is shared like the rest of its minutes.
        steps.train_fold(runs, fold, seconds_spent=runs.seconds_spent / len(runs.folds), log=log)
    console.rule("All folds")
    with console.progress_bar() as bar:
        row = bar.add_task("evaluating out of fold", total=len(index))
        result = runs.finish(lambda done, total: bar.update(row, completed=done, total=total))
    _print(result, runs.kind)
    from keras_seg.training.trained_run import TrainedRun

    print_postprocessing(TrainedRun(run))
    console.print_facts(("Run folder", run.path), ("Report", run.report_file), ("Ensemble", run.model_file))


def _describe(runs: "FoldRuns") -> None:
    sizes = [len(fold.validation) for fold in runs.folds]
    few, many = min(sizes), max(sizes)
    facts = [("Folds", f"{len(sizes)}, with {few if few == many else f'{few} to {many}'} images to validate on")]
    if runs.minutes_per_fold is not None:
        total = runs.minutes_per_fold * len(sizes)
        facts.append(("Time", f"{total:g} minutes are divided: {runs.minutes_per_fold:.3g} for each fold"))
    console.print_facts(*facts)


def _print(result: "training.FoldsResult", task: "Task") -> None:
    from keras_seg.training.folds_table import ensemble_words, folds_table
    from keras_seg.training.tasks.score_table import percent

    found = result.folds
    folds = rich.table.Table(title="Folds", box=rich.box.SIMPLE_HEAD, title_justify="left")
    for place, heading in enumerate(("fold", "images", task.score_label)):
        folds.add_column(heading, justify="right" if place else "left")
    for number, fold in enumerate(found.folds, start=1):
        folds.add_row(f"fold{number}", str(fold.images), percent(fold.score))
    console.console.print(folds)
    title = f"{found.evaluation.images} images, each predicted by the model that was not trained on it"
    console.print_scores(folds_table(task, found), title)
    facts = [("Ensemble", ensemble_words(task, result.test))]
    if found.thresholds is not None:
        facts.append(("Thresholds", str(found.thresholds)))
    console.print_facts(*facts)
