"""keras-seg train."""

from typing import Any

import click

from keras_seg_cli import steps
from keras_seg_cli.options import (
    data_arguments,
    data_options,
    out_run,
    overwrite,
    plan_options,
    split_options,
    task_option,
    validation,
)
from keras_seg_cli.start import STARTED, keras_ready


@click.command()
@click.argument("data", type=click.Path(exists=True))
@out_run
@validation
@task_option
@data_options
@plan_options
@click.option("--resume", is_flag=True, help="Continue an interrupted run.")
@overwrite
def train(
    data: str, out: str, val: str | None, *, task: str | None, resume: bool, overwrite: bool, **options: Any
) -> None:
    """Train a model on the folder DATA, evaluate it, and keep all in one run folder.

    DATA holds images/ and masks/ with the same file names, or train/ and val/ with these two in each. With --task
    instances, masks number the objects, or masks/NAME/ holds one mask per object.
    """
    if resume:
        _refuse_choices_on_resume({**options, "task": task})
    keras_ready()
    from keras_seg import training
    from keras_seg.training.tasks import find_task

    run = training.RunFolder(out)
    run.check_startable(resume=resume, overwrite=overwrite)
    task = run.load_plan().task if resume else task or "semantic"
    find_task(task).check_installed()
    if resume:
        indices = steps.scan(data, run=run, validation=val)
        plan = run.load_plan()
    else:
        reading, choices = split_options(options)
        indices = steps.scan(data, validation=val, task=task, **data_arguments(**reading))
        plan = training.make_plan(training.fingerprint(*indices, task=task), **choices)
    steps.fit(
        plan,
        train=indices[0],
        validation=indices[1],
        run=run,
        started=STARTED,
        resume=resume,
        overwrite=overwrite,
    )


def _refuse_choices_on_resume(given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            option = "--" + name.replace("_", "-")
            raise click.UsageError(
                f"{option} cannot be given with --resume, which follows the plan of the run. Drop {option}."
            )
