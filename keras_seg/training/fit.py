"""Training by a plan, up to a finished run folder."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
from PIL import Image

from keras_seg import _files, _validation
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.evaluation.batching import spread
from keras_seg.models import without_aux
from keras_seg.training.averaged_weights import take_average
from keras_seg.training.best_epoch import BestEpoch
from keras_seg.training.build_model import build_model
from keras_seg.training.checkpoint import load_checkpoint, load_epoch, saved_state
from keras_seg.training.experiment_logs import check_logs, experiment_logs
from keras_seg.training.fingerprint import check_alike, fingerprint
from keras_seg.training.fit_model import check_divisible, fit_model
from keras_seg.training.followed_choices import check_followed
from keras_seg.training.hosts.agreement import check_agreement, run_facts
from keras_seg.training.hosts.group import Group
from keras_seg.training.kept_state import with_kept_state
from keras_seg.training.mixed_precision import compute_in_float32
from keras_seg.training.out_of_memory import memory_named, whole_images
from keras_seg.training.plan import Plan, check_plan
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.run_recorder import check_finite
from keras_seg.training.run_report import write_page
from keras_seg.training.same_data import check_same_facts
from keras_seg.training.tasks import Task, find_task

_PANEL_ROWS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """A finished run. The run folder holds the same.

    Args:
        model: the trained keras.Model.
        evaluation: the evaluation on the validation data, e.g. an `evaluation.Evaluation`.
        decoding: dict. Decoding settings chosen on the validation data: thresholds, or the postprocessing for the task
            "semantic"; empty if there are none.
        epoch: int or None. The epoch whose weights are kept as the best; None where they are those of the last one.
    """

    model: keras.Model
    evaluation: Any
    decoding: dict
    epoch: int | None = None


def fit(
    plan: Plan,
    *,
    train: Any,
    validation: Any,
    run: RunFolder | PathLike,
    resume: bool = False,
    overwrite: bool = False,
    seconds_spent: float = 0.0,
    log: Sequence[str] = (),
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: Callable[[int, int | None], None] | None = None,
) -> TrainingResult:
    """Train the model of a plan, and save, tune and evaluate it in a run folder, as `keras-seg train` does.

    After each epoch, a line is added to the log. As often as it takes less than a twentieth of the time, the model is
    evaluated on the validation images, and a checkpoint is written. An interrupted run resumes from its last checkpoint
    with the data, the optimizer state and the learning rates that it would have had, and ends at the same weights. An
    error that ends a run says what is kept of it. With `keep="best"` in the plan, every epoch is validated, and the
    weights of the best one are kept; with `patience`, the run ends after as many epochs without a better score.

    At the end the folder holds `model.keras`, `metrics.json`, `predictions.png`, `report.html` and `decoding.json`: for
    tasks whose output is decoded the thresholds, otherwise the postprocessing that `evaluation.choose_postprocessing`
    chose, if there are enough validation images to try any, and how far the class weights of the loss were taken back
    in the logits of the model. The report examines at most 200 validation images.

    Args:
        plan: `Plan`. To resume, that of the run: `run.load_plan()`.
        train: `data.FolderIndex` to train on; a `data.InstanceIndex` for the task "instances", a `data.MultiLabelIndex`
            for "multilabel".
        validation: index of the same kind to validate on.
        run: path or `RunFolder`. Made if it does not exist.
        resume: bool. Whether to continue an interrupted run from its last checkpoint. Defaults to False.
        overwrite: bool. Whether to replace an older run. Defaults to False.
        seconds_spent: float. Seconds that already count toward `plan["minutes"]`, beside those that the checkpoint of
            a resumed run holds. Defaults to 0.
        log: sequence of "tensorboard", "wandb" and "mlflow". Further logs, with scores and with predictions for some
            validation images, which their Keras callbacks write into the run folder, offline. Defaults to ().
        callbacks: sequence of further Keras callbacks. Defaults to ().
        progress: callable (done, total) that the final evaluation calls with its numbers of images, or None. Defaults
            to None.

    Returns:
        A `TrainingResult`.

    Raises:
        InputError: the run folder cannot be used, a choice of the plan is out of range, the plan or the images to
            validate on are for other classes or channels than those to train on, the model cannot be built, the batch
            cannot be divided among the devices, the data differs from that of the resumed run, the loss or the weights
            are no longer finite, the device has not enough memory for a batch or for a whole image to validate on, a
            file of the data can no longer be read, or the disk is full.
        ImportError: the package of a log is missing: `pip install "keras-seg[tensorboard]"`, `[wandb]` or `[mlflow]`;
            or TensorFlow, which the first two need.
    """
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    if resume and run.is_folds:
        raise InputError(f"{run.path}: is a run of folds. Continue it with `fit_folds(resume=True)`.")
    run.check_startable(resume=resume, overwrite=overwrite)
    check_plan(plan)  # It may be one of `Plan.from_dict`, edited by hand.
    task = find_task(plan.task)
    task.check_installed()
    check_logs(log)
    keras.utils.set_random_seed(plan["seed"])
    if resume:
        facts = fingerprint(train, validation, task=plan.task)
        check_same_facts(facts, plan.fingerprint, path=train.path, run="the run")
        run._sweep()
    else:
        check_alike(train, validation, task=plan.task)
        _check_facts(plan, train, task)
    group, indices = Group.current(), (train, validation)
    trained = resume and run.model_file.exists()  # It was interrupted after the training.
    if trained:
        group.leave()
    else:
        checkpoint = load_checkpoint(run) if resume else None
        if checkpoint is not None:
            check_followed(plan, checkpoint, run)
        if group.count > 1:
            epoch = None if checkpoint is None else checkpoint.epoch
            check_agreement(group, run_facts(plan, train, validation, epoch=epoch))
        check_divisible(plan, train, group)
        model = build_model(plan) if checkpoint is None else checkpoint.model
        scored = without_aux(model)
        if checkpoint is None:
            check_time_is_left(plan, seconds_spent)
    if not resume:
        # A batch that cannot be divided, or a model that cannot be built, has failed by now, before an older run is
        # replaced.
        run._create(plan, task.label_schema(train))
    try:
        if not trained:
            with experiment_logs(
                log, run=run, plan=plan, panel=lambda: _shown(group, task, scored, validation)
            ) as logs:
                rows = fit_model(
                    model,
                    scored=scored,
                    plan=plan,
                    task=task,
                    run=run,
                    indices=indices,
                    checkpoint=checkpoint,
                    seconds_spent=seconds_spent,
                    callbacks=[*logs, *callbacks],
                    group=group,
                )
            group.leave()
        with group.alone(), memory_named(whole_images(validation)):
            if trained:
                model, epoch = run.load_model(), saved_state(run).get("best")
            else:
                model, epoch = _kept(model, run, BestEpoch.of(plan, task, checkpoint=checkpoint), rows)
                model = without_aux(model)  # It may be that of an earlier epoch.
                changed = compute_in_float32(model)
                run.decoding_file.unlink(missing_ok=True)  # Of an interrupted end of this run.
                with _files.written_aside(run.model_file, overwrite=True) as aside:
                    model.save(aside)
                    if changed or group.devices > 1:
                        # With nothing compiled before, and on this process' own device.
                        model = keras.saving.load_model(aside)
                    if adjusted := task.adjust(model, validation, plan):
                        # First, so that a model is never adjusted without a word.
                        _files.write_json(run.decoding_file, adjusted)
                        model.save(aside)
            return _finish(run, task, model=model, epoch=epoch, indices=indices, progress=progress)
    except InputError as error:
        raise with_kept_state(error, run) from error


def check_time_is_left(plan: Plan, seconds_spent: float) -> None:
    """Fail if a run of minutes would end before its first step, with the weights that it began with."""
    minutes = plan["minutes"]
    if minutes is not None and seconds_spent >= 60 * minutes:
        rule = f"were over before training began: {seconds_spent:.0f} seconds went into reading the data"
        _validation.fail("minutes", rule, minutes, "Give more.")


def _check_facts(plan: Plan, train: Any, task: Task) -> None:
    """Fail for a plan of other data, whose model has not the classes or the channels of this one."""
    for name, value in (("num_classes", len(task.label_schema(train)["names"])), ("channels", train.channels)):
        if plan.fingerprint[name] != value:
            raise InputError(
                f"`plan` is for data with {name}={plan.fingerprint[name]}, and {train.path} has {name}={value}. Make "
                "it of the `fingerprint` of this data, or read its file by `read_plan`."
            )


def _kept(model: keras.Model, run: RunFolder, best: BestEpoch, rows: Sequence[dict]) -> tuple[keras.Model, int | None]:
    """The model of the best epoch if it is kept, otherwise that of the last one, checked; and which is the best."""
    epoch = best.epoch(rows) if best.kept else None
    if epoch is None:  # Also where no epoch has a score.
        check_finite(model, len(rows))
    elif epoch != len(rows):  # That it is finite was checked when it was saved.
        model = load_epoch(run, epoch)
        take_average(model)
    return model, epoch


def _shown(group: Group, task: Task, model: keras.Model, index: Any) -> Image.Image:
    """A picture of predictions for some images, during training."""
    with group.local(model) as local:
        return _panel(task, local, index, {})


def _panel(task: Task, model: keras.Model, index: Any, settings: dict) -> Image.Image:
    """A picture of predictions for some images."""
    return task.panel(model, index, spread(len(index), _PANEL_ROWS), settings)


def _finish(
    run: RunFolder,
    task: Task,
    *,
    model: keras.Model,
    epoch: int | None,
    indices: tuple[Any, Any],
    progress: Callable[[int, int | None], None] | None,
) -> TrainingResult:
    """Tune and evaluate a trained model, and write the numbers, a picture and the report into the run folder."""
    train, index = indices
    decoding = {**run.load_decoding(), **task.tune(model, index)}
    if decoding:
        _files.write_json(run.decoding_file, decoding)
    evaluation = task.evaluate(model, index, settings=decoding, progress=progress)
    results = {"split": "validation", "data": index.path, "train_data": train.path, **evaluation.to_dict()}
    if epoch is not None:
        results["epoch"] = epoch
    _files.write_json(run.metrics_file, {**results, "decoding": decoding} if decoding else results)
    with _files.written_aside(run.panel_file, overwrite=True) as aside:
        _panel(task, model, index, decoding).save(aside)
    write_page(run, task, model=model, indices=indices, progress=progress)
    return TrainingResult(model=model, evaluation=evaluation, decoding=decoding, epoch=epoch)
