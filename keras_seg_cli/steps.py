"""Steps that several commands share: calls into the package that show progress and print results."""

import contextlib
import pathlib
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import rich.progress

from keras_seg_cli import console
from keras_seg_cli.postprocessing import print_postprocessing
from keras_seg_cli.start import silenced_stderr

if TYPE_CHECKING:
    import keras

    from keras_seg import training
    from keras_seg.training.fold_runs import Fold, FoldRuns
    from keras_seg.training.leaderboard_runs import LeaderboardRun, LeaderboardRuns
    from keras_seg.training.prediction_file import PredictionFile
    from keras_seg.training.prediction_files import Failure
    from keras_seg.training.prediction_videos import PredictionVideo
    from keras_seg.training.trained_run import TrainedRun
    from keras_seg.training.usable_model import UsableModel
    from keras_seg_cli.scan_ahead import ScanAhead


# Tasks whose masks the doctor does not take for classes on its own.
_OTHER_MASKS = ("instances", "multilabel")


def scan(
    data: str, *, run: "training.RunFolder | None" = None, ahead: "ScanAhead | None" = None, **options: Any
) -> tuple[Any, Any]:
    """The indices of a data folder to train on and to validate on; read as an interrupted run reads them if given."""
    from keras_seg.training.run_data import scan_run_data
    from keras_seg.training.tasks import find_task

    if ahead is not None:
        options["scan"] = ahead.before(find_task(options["task"]).scan)
    return _read(data, scan_run_data, "Validation", run=run, options=options)


def scan_folds(data: str, *, run: "training.RunFolder | None" = None, **options: Any) -> tuple[Any, Any]:
    """The index of the images to divide, and that of test images or None."""
    from keras_seg.training.run_data import scan_fold_data

    return _read(data, scan_fold_data, "Test images", run=run, options=options)


def _read(
    data: str,
    scan: Callable[..., tuple[Any, Any]],
    others: str,
    *,
    run: "training.RunFolder | None",
    options: dict[str, Any],
) -> tuple[Any, Any]:
    """The indices of `scan`, or those of an interrupted run, and their notices; `others` names the second."""
    from keras_seg.training.run_data import rescan_run_data

    with console.status(f"Reading {data}"):
        if run is not None:
            index, other = rescan_run_data(data, run, validation=options["validation"])
        else:
            with _doctor_named(data, options.get("task") or "semantic"):
                index, other = scan(data, **options)
    console.notices(index.notices)
    console.notices([f"{others}: {text}" for text in (other.notices if other else ()) if text not in index.notices])
    return index, other


@contextlib.contextmanager
def _doctor_named(data: str, task: str) -> Iterator[None]:
    """Let errors about the files of a folder name the command that finds all of them."""
    from keras_seg import InputError
    from keras_seg.data.index.packed_folder import is_packed_folder

    try:
        yield
    except InputError as error:
        # An error about an argument begins with it; one about a label tool names a command of its own.
        if str(error).startswith("`") or "keras-seg convert" in str(error) or is_packed_folder(data):
            raise
        command = f"keras-seg doctor {shlex.quote(data)}{f' --task {task}' if task in _OTHER_MASKS else ''}"
        raise InputError(f"{error} Run `{command}` to see everything at once.") from error


def fit(
    plan: "training.Plan", *, train: Any, validation: Any, run: "training.RunFolder", started: float, **options: Any
) -> "training.TrainingResult":
    """Train to a finished run folder. A limit in minutes counts from `started`, except for a run that is resumed."""
    from keras_seg import training

    def train_it(**reports: Any) -> "training.TrainingResult":
        # A checkpoint holds the minutes of its run, in which the data was read before.
        counted = plan["minutes"] is not None and not options.get("resume")
        spent = time.monotonic() - started if counted else 0.0
        return training.fit(
            plan, train=train, validation=validation, run=run, seconds_spent=spent, **reports, **options
        )

    return _trained(train_it, plan, indices=(train, validation), run=run)


def train_fold(runs: "FoldRuns", fold: "Fold", *, seconds_spent: float, log: Sequence[str] = ()) -> None:
    """Train one fold to its finished run folder."""
    _trained(
        lambda **reports: runs.train(fold, seconds_spent=seconds_spent, log=log, **reports),
        fold.plan,
        indices=(fold.train, fold.validation),
        run=fold.run,
    )


def train_model(runs: "LeaderboardRuns", one: "LeaderboardRun") -> None:
    """Train one model of a leaderboard to its finished run folder."""
    indices = runs.train_index, runs.validation_index
    _trained(lambda **reports: runs.train(one, **reports), one.plan, indices=indices, run=one.run)


def _trained(
    train_it: "Callable[..., training.TrainingResult]",
    plan: "training.Plan",
    *,
    indices: tuple[Any, Any],
    run: "training.RunFolder",
) -> "training.TrainingResult":
    """Show the plan, the progress and the scores of a training."""
    from keras_seg.training.tasks import find_task
    from keras_seg.training.trained_run import TrainedRun
    from keras_seg_cli.training_progress import TrainingProgress

    train, validation = indices
    _describe(plan, train, validation)
    task = find_task(plan.task)
    with TrainingProgress(task) as progress:
        result = train_it(callbacks=[progress], progress=progress.evaluated)
    console.print_scores(task.table(result.evaluation), f"{len(validation)} validation images")
    if adjustment := result.decoding.get("logit_adjustment"):
        value, low, high = (f"{100 * number:+.1f}" for number in adjustment["gain"])
        text = f"{adjustment['strength']:.0%} taken back in the model's logits: mean IoU {value} ({low} to {high})"
        console.print_facts(("Class weights", text))
    print_postprocessing(TrainedRun(run))
    if result.epoch is not None:
        console.print_facts(("Kept", f"epoch {result.epoch}, which has the best validation score"))
    console.print_facts(
        ("Run folder", run.path), ("Report", run.report_file), ("Pictures", run.panel_file), ("Reasons", run.plan_file)
    )
    return result


def _describe(plan: "training.Plan", train: Any, validation: Any) -> None:
    height, width = plan.fingerprint["median_size"]
    limit = f"{plan['epochs']} epochs" if plan["minutes"] is None else f"{plan['minutes']:g} minutes"
    if "patience" in plan.choices and plan["patience"] is not None:
        limit = f"at most {limit}"
    crop = plan["crop"] if isinstance(plan["crop"], int) else "x".join(map(str, plan["crop"]))
    weights = plan.choices["weights"]
    console.print_facts(
        ("Data", f"{len(train)} images to train on, {len(validation)} to validate on, about {height}x{width}"),
        ("Classes", ", ".join(plan.fingerprint["class_names"])),
        ("Model", f"{plan['model']}, backbone {plan['backbone']}"),
        ("Weights", (plan["weights"] or "from scratch") if weights.rule == "given" else weights.rule),
        ("Plan", f"{limit}, batches of {plan['batch_size']}, crops of {crop}"),
    )


def predict(
    run: "UsableModel", model: "keras.Model", files: "list[PredictionFile]", *, beside: int = 0, **options: Any
) -> "list[Failure]":
    """Predict image files into files; returns those that could not be predicted.

    `beside` is the number of videos to predict as well, which an image that cannot be read does not stop.
    """
    from keras_seg.training.file_predictor import NotPredictedError
    from keras_seg.training.prediction_files import Failure, predict_files

    lines: list[str] = []
    with console.progress_bar() as bar:
        rows: dict[str, Any] = {}

        def report(file: pathlib.Path, done: int, total: int | None) -> None:
            # Images share a row, in which files are counted; a raster has its own, in which tiles are.
            name = "predicting" if images[file] else file.name
            if name not in rows:
                rows[name] = bar.add_task(name)
            bar.update(rows[name], completed=done, total=total)

        images = {file.image: file.overlay is not None for file in files}
        try:
            failures = predict_files(run, model, files, progress=report, notice=lines.append, **options)
        except NotPredictedError as error:
            if not beside:
                raise
            failures = [Failure(files[0].image, str(error))]
    console.notices(lines)
    return failures


def predict_videos(
    run: "UsableModel", model: "keras.Model", videos: "list[PredictionVideo]", *, beside: int = 0, **options: Any
) -> "list[Failure]":
    """Predict videos into videos of overlays, and say how fast; returns those that could not be predicted.

    `beside` is the number of images that were predicted as well, whose failures are still to be shown.
    """
    from keras_seg.training import prediction_videos
    from keras_seg.training.file_predictor import NotPredictedError
    from keras_seg.training.prediction_files import Failure

    lines: list[str] = []
    with console.progress_bar(rich.progress.TextColumn("{task.fields[speed]}")) as bar:
        rows: dict[str, Any] = {}

        def report(video: "PredictionVideo", done: int, total: int | None, speed: float) -> None:
            if video.source not in rows:
                rows[video.source] = bar.add_task(video.source, total=total, speed="")
            bar.update(rows[video.source], completed=done, speed=f"{speed:.1f} frames per second")

        try:
            done, failures = prediction_videos.predict_videos(
                run, model, videos, progress=report, notice=lines.append, **options
            )
        except NotPredictedError as error:
            if not beside:
                raise
            done, failures = [], [Failure(pathlib.Path(videos[0].source), str(error))]
    console.notices(lines)
    for found in done:
        text = f"{found.video.overlay} ({found.frames} frames, {found.frames_per_second:.1f} per second)"
        console.print_facts(("Video", text))
    return failures


def check_descriptions(
    run: "UsableModel", files: "list[PredictionFile]", out: pathlib.Path, *, polygons: str | None
) -> None:
    """Fail before the work where `describe` could not write polygons, or add to a table that is there."""
    from keras_seg.training.predicted_masks import mask_name
    from keras_seg.training.prediction_polygons import check_coco, check_geojson
    from keras_seg.training.prediction_tables import check_tables

    names = run.task.mask_names(run.labels)
    check_tables(out, names)
    if polygons == "geojson":
        check_geojson(files)
    if polygons == "coco":
        check_coco(out, {mask_name(file, out) for file in files if file.overlay is not None}, names)


def describe(
    run: "UsableModel",
    files: "list[PredictionFile]",
    failures: "list[Failure]",
    out: pathlib.Path,
    *,
    polygons: str | None,
) -> Iterator[tuple[str, pathlib.Path]]:
    """Write the tables and polygons of predicted masks; yields what each file is, and its path."""
    from keras_seg.training.predicted_masks import predicted_masks
    from keras_seg.training.prediction_polygons import write_polygons
    from keras_seg.training.prediction_tables import write_areas, write_objects

    failed = {failure.image for failure in failures}
    masks = predicted_masks([file for file in files if file.image not in failed], out)
    names = run.task.mask_names(run.labels)
    if names is None:
        yield "Objects", write_objects(masks, out)
    else:
        yield "Areas", write_areas(masks, out, names)
    if polygons is not None:
        rasters = sum(mask.raster and not (mask.on_map and polygons == "geojson") for mask in masks)
        if rasters:
            console.notices([f"No polygons of {rasters} rasters, which may be larger than memory."])
        yield "Polygons", write_polygons(masks, out, names, format=polygons)


def described(run: "TrainedRun") -> dict[str, Any]:
    """The arguments of an export by which the file predicts and evaluates as the run does, and names its model file."""
    from keras_seg.training.model_facts import digest_of

    facts = {**run.facts.to_dict(), "model_file": digest_of(run.folder.model_file)}
    return {"class_names": run.labels["names"], "ignore_class": run.ignore_class, "facts": facts}


def export(model: "keras.Model", format_: str, path: pathlib.Path, **options: Any) -> None:
    """Export a model, compare the file with it, and print the report."""
    from keras_seg import export as ks_export

    try:
        with console.status(f"Writing {path}"), silenced_stderr():
            report = getattr(ks_export, format_)(model, path, **options)
    except (RuntimeError, ImportError) as error:
        raise click.UsageError(str(error)) from error
    console.console.print(str(report), soft_wrap=True)


def check_file(path: pathlib.Path, targets: Sequence[str]) -> bool:
    """Print what processors of devices take of a TFLite file, or programs of an ONNX file; whether that is all."""
    from keras_seg import export as ks_export

    with console.status(f"Checking {path}"), silenced_stderr():
        if path.suffix.lower() == ".onnx":
            report = ks_export.check_readers(path, readers=targets)
        else:
            report = ks_export.check_delegates(path, delegates=targets)
    console.console.print()
    console.console.print(str(report), soft_wrap=True)
    return report.complete
