"""keras-seg plan."""

from typing import Any

import click
import rich.box
import rich.table

from keras_seg_cli import console, steps
from keras_seg_cli.options import data_arguments, data_options, plan_options, split_options, task_option, validation
from keras_seg_cli.start import keras_ready


@click.command()
@click.argument("data", type=click.Path(exists=True))
@validation
@task_option
@data_options
@plan_options
def plan(data: str, val: str | None, task: str | None, **options: Any) -> None:
    """Show the plan that `train` would follow for DATA, and the reasons for it."""
    keras_ready()
    from keras_seg import training

    task = task or "semantic"
    reading, choices = split_options(options)
    train, validation = steps.scan(data, validation=val, task=task, **data_arguments(**reading))
    made = training.make_plan(training.fingerprint(train, validation, task=task), **choices)
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for heading in ("choice", "value", "because"):
        table.add_column(heading)
    for name, choice in made.choices.items():
        table.add_row(name, _short(choice.value), choice.rule)
    console.console.print(table)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{item:.3g}" if isinstance(item, float) else str(item) for item in value)
    return str(value)
