"""keras-seg train."""

import pathlib
from typing import TYPE_CHECKING, Any

import click

from keras_seg_cli import steps
from keras_seg_cli.folds import train_folds
from keras_seg_cli.hosts import Hosts, become_worker, check_hosts, connected, hosts_options, is_worker, run_again
from keras_seg_cli.interruption import kept_when_stopped
from keras_seg_cli.onednn import use_onednn
from keras_seg_cli.options import (
    LOGS,
    data_arguments,
    data_options,
    out_run,
    overwrite,
    plan_options,
    split_options,
    task_option,
    validation,
)
from keras_seg_cli.planning import plan_file_option, planned, probe_option, refuse_in_folds, refuse_on_resume, task_of
from keras_seg_cli.scan_ahead import ScanAhead, scan_ahead
from keras_seg_cli.start import STARTED, keras_ready

if TYPE_CHECKING:
    from keras_seg import training
    from keras_seg.training.hosts.processes import Processes


@click.command()
@click.argument("data", type=click.Path(exists=True))
@out_run
@validation
@task_option
@data_options
@plan_options
@plan_file_option
@probe_option
@click.option(
    "--folds",
    type=int,
    help="Train one model per fold instead, score each image by the model that was not trained on it, and save their "
    "ensemble. --minutes are divided. DATA/val or --val are test images then.",
)
@click.option(
    "--log",
    type=click.Choice(LOGS),
    multiple=True,
    help="Also write a log for TensorBoard, Weights & Biases or MLflow into the run folder, offline. Can be repeated.",
)
@click.option("--resume", is_flag=True, help="Continue an interrupted run. Finished folds are skipped.")
@hosts_options
@overwrite
def train(
    data: str,
    out: str,
    val: str | None,
    *,
    task: str | None,
    plan_file: str | None,
    probe: bool | None,
    folds: int | None,
    log: tuple[str, ...],
    resume: bool,
    hosts: int | None,
    process: int | None,
    coordinator: str | None,
    connect_timeout: int | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Train a model on the folder DATA, evaluate it, and keep all in one run folder.

    DATA holds images/ and masks/ with the same file names, or train/ and val/ with these two in each, or the shards of
    keras-seg pack. With --task instances, masks number the objects, or masks/NAME/ holds one mask per object. With
    --task multilabel, masks/CLASS/ holds one mask per image.
    """
    if resume:
        refuse_on_resume({**options, "task": task, "plan": plan_file, "probe": probe}, "the plan of the run")
    together = Hosts(hosts, process, coordinator, connect_timeout)
    check_hosts(together, folds=folds, probe=probe)
    if hosts is not None and resume and (pathlib.Path(out) / "folds.json").exists():
        raise click.UsageError(f"{out}: folds are trained one after the other in one process. Drop --hosts.")
    if hosts is not None and not is_worker():
        run_again()
    processes = None
    if hosts is not None:
        become_worker()
        processes = connected(together)
    ahead = None
    if folds is None and not resume:
        ahead = scan_ahead(data, task=task, plan_file=plan_file, options=data_arguments(**split_options(options)[0]))
    if folds is None:  # Of a run of folds, which is resumed without the option, no plan is in the folder itself.
        use_onednn(options, pathlib.Path(out, "plan.json") if resume else plan_file)
    keras_ready()
    from keras_seg import training

    run = training.RunFolder(out)
    if processes is None or processes.process == 0:  # Which writes there.
        run.check_startable(resume=resume, overwrite=overwrite)
    others = [*(["--val", val] if val else []), *(word for name in log for word in ("--log", name)), *together.words()]
    again = ["keras-seg", "train", data, "--out", out, *others, "--resume"]
    with kept_when_stopped(run, command=again, resume=resume):
        _train(
            data,
            run,
            options,
            ahead=ahead,
            val=val,
            folds=folds,
            task=task,
            plan_file=plan_file,
            probe=probe,
            overwrite=overwrite,
            resume=resume,
            log=log,
            processes=processes,
        )


def _train(
    data: str,
    run: "training.RunFolder",
    options: dict[str, Any],
    *,
    ahead: ScanAhead | None,
    val: str | None,
    folds: int | None,
    task: str | None,
    plan_file: str | None,
    probe: bool | None,
    overwrite: bool,
    resume: bool,
    log: tuple[str, ...],
    processes: "Processes | None",
) -> None:
    from keras_seg.training.experiment_logs import check_logs
    from keras_seg.training.tasks import find_task

    check_logs(log)
    if folds is not None:
        refuse_in_folds({"--plan": plan_file, "--probe": probe})
    if processes is None:
        from keras_seg.training.hosts.all_devices import use_all_devices

        use_all_devices()
    if run.is_folds if resume else folds is not None:
        given: dict[str, Any] = {"resume": True} if resume else _fold_options(options, task=task, overwrite=overwrite)
        train_folds(data, run, validation=val, started=STARTED, folds=folds, log=log, **given)
        return
    if folds is not None:
        raise click.UsageError(
            f"{run.path}: is a run without folds. Drop --folds, or start a new run with --overwrite."
        )
    task = run.load_plan().task if resume else task_of(task, plan_file, probe=probe)
    find_task(task).check_installed()
    if resume:
        indices = steps.scan(data, run=run, validation=val)
        plan = run.load_plan()
    else:
        reading, choices = split_options(options)
        indices = steps.scan(data, ahead=ahead, validation=val, task=task, **data_arguments(**reading))
        plan = planned(indices, task=task, choices=choices, plan_file=plan_file, probe=probe)
    if processes is not None and processes.process > 0:
        from keras_seg.training.hosts.train_share import train_share

        train_share(plan, train=indices[0], validation=indices[1], run=run, resume=resume)
        return
    steps.fit(
        plan,
        train=indices[0],
        validation=indices[1],
        run=run,
        started=STARTED,
        log=log,
        resume=resume,
        overwrite=overwrite,
    )


def _fold_options(options: dict[str, Any], *, task: str | None, overwrite: bool) -> dict[str, Any]:
    reading, choices = split_options(options)
    return {"reading": data_arguments(**reading), "choices": choices, "task": task, "overwrite": overwrite}
