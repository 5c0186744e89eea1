"""keras-seg leaderboard."""

from typing import TYPE_CHECKING, Any

import click
import rich.box
import rich.table
import rich.text

from keras_seg_cli import console, steps
from keras_seg_cli.interruption import kept_when_stopped
from keras_seg_cli.option_names import in_options
from keras_seg_cli.options import (
    data_arguments,
    data_options,
    shared_plan_options,
    split_options,
    task_option,
    validation,
)
from keras_seg_cli.planning import refuse_on_resume
from keras_seg_cli.start import keras_ready, silenced_stderr

if TYPE_CHECKING:
    from keras_seg import training
    from keras_seg.training.leaderboard_folder import LeaderboardFolder

# The names of `keras_seg.training.model_speed.FORMATS`: importing that for --help would import Keras.
FORMATS = ("tflite", "saved_model", "keras")


class _Names(click.ParamType):
    """Names separated by commas."""

    name = "NAME,NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The names as a list."""
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


@click.command()
@click.argument("data", type=click.Path(exists=True))
@click.option("--out", type=click.Path(), required=True, help="Folder of the leaderboard.")
@validation
@task_option
@click.option("--models", type=_Names(), help="Models to train, such as UNet,FPN,SegNet.")
@click.option(
    "--backbones",
    type=_Names(),
    help="Train each model with each of these. Models with an encoder of their own are trained once. Default: chosen "
    "as for keras-seg train.",
)
@click.option("--seeds", type=int, help="How many times each model is trained. Default: 1.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="What is timed and measured. Default: tflite on TensorFlow, otherwise keras.",
)
@data_options
@shared_plan_options
@click.option("--resume", is_flag=True, help="Continue an interrupted leaderboard. Finished runs are skipped.")
def leaderboard(
    data: str,
    out: str,
    val: str | None,
    *,
    task: str | None,
    models: list[str] | None,
    backbones: list[str] | None,
    seeds: int | None,
    format_: str | None,
    resume: bool,
    **options: Any,
) -> None:
    """Train several models on DATA under one protocol, and rank them on the same validation images.

    Each model has the same --minutes or --epochs. OUT then holds a table, a picture of score against latency, and the
    run folder of each model and seed. A model that fails is listed with the reason, and the others go on.
    """
    own = {"models": models, "backbones": backbones, "seeds": seeds, "format": format_}
    if resume:
        refuse_on_resume({**own, "task": task, **options}, "the protocol of the leaderboard")
    elif models is None:
        raise click.UsageError("--models is missing. Name the models to train, such as --models UNet,FPN.")
    keras_ready()
    from keras_seg.training.hosts.all_devices import use_all_devices
    from keras_seg.training.leaderboard_folder import LeaderboardFolder

    use_all_devices()  # As `train` does.
    folder = LeaderboardFolder(out)
    folder.check_startable(resume=resume)
    again = ["keras-seg", "leaderboard", data, "--out", out, *(["--val", val] if val else []), "--resume"]
    with kept_when_stopped(folder, command=again, resume=resume):
        found = _train(data, folder, val=val, task=task, own=own, options=options, resume=resume)
    _print(found, folder)
    if found.failures:
        raise click.exceptions.Exit(1)


def _train(
    data: str,
    folder: "LeaderboardFolder",
    *,
    val: str | None,
    task: str | None,
    own: dict[str, Any],
    options: dict[str, Any],
    resume: bool,
) -> "training.Leaderboard":
    from keras_seg.training.leaderboard_runs import LeaderboardRuns

    if resume:
        indices, choices = steps.scan(data, run=folder, validation=val), None
    else:
        reading, choices = split_options(options)
        task = task or "semantic"
        indices = steps.scan(data, validation=val, task=task, **data_arguments(**reading))
        choices["task"] = task
    runs = LeaderboardRuns(*indices, out=folder, choices=choices, resume=resume, **own)
    for number, one in enumerate(runs.runs, start=1):
        title = f"{number} of {len(runs.runs)}: {one.title}"
        if one.run.finished:
            console.rule(f"{title}: finished already")
            continue
        console.rule(title)
        with runs.noted(one):
            steps.train_model(runs, one)
        if one.title in runs.failures:
            console.notices([f"Warning: {_in_options(runs.failures[one.title])}"])
    console.rule("All models")
    with silenced_stderr(), console.progress_bar() as bar:
        rows: dict[str, Any] = {}

        def report_progress(run: str, done: int, total: int | None) -> None:
            if run not in rows:
                rows[run] = bar.add_task(run)
            bar.update(rows[run], completed=done, total=total)

        return runs.finish(report_progress)


def _in_options(text: str) -> str:
    command = click.get_current_context().command
    return in_options(text, command, [command])


def _print(found: "training.Leaderboard", folder: "LeaderboardFolder") -> None:
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(found.headings):
        table.add_column(heading, justify="right" if place > 1 else "left", no_wrap=place != 1, overflow="fold")
    for row in found.cells:
        table.add_row(*map(rich.text.Text, row))
    console.console.print(table)
    for note in found.notes:
        console.console.print(_in_options(note))
    console.print_facts(
        ("Folder", folder.path),
        ("Table", folder.table_file),
        ("Picture", folder.picture_file),
        ("Numbers", folder.results_file),
    )
