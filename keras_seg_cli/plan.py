"""keras-seg plan."""

from typing import Any

import click
import rich.box
import rich.table

from keras_seg_cli import console, steps
from keras_seg_cli.onednn import use_onednn
from keras_seg_cli.options import (
    WrittenFile,
    data_arguments,
    data_options,
    plan_options,
    split_options,
    task_option,
    validation,
)
from keras_seg_cli.planning import plan_file_option, planned, probe_option, task_of
from keras_seg_cli.scan_ahead import scan_ahead
from keras_seg_cli.start import keras_ready


@click.command()
@click.argument("data", type=click.Path(exists=True))
@validation
@task_option
@data_options
@plan_options
@plan_file_option
@probe_option
@click.option("--json", "json_file", type=WrittenFile(), help="Also write the plan to this file, for `train --plan`.")
def plan(
    data: str,
    val: str | None,
    *,
    task: str | None,
    plan_file: str | None,
    probe: bool | None,
    json_file: str | None,
    **options: Any,
) -> None:
    """Show the plan that `train` would follow for DATA, and the reasons for it."""
    reading, choices = split_options(options)
    reading = data_arguments(**reading)
    ahead = scan_ahead(data, task=task, plan_file=plan_file, options=reading)
    use_onednn(options, plan_file)
    keras_ready()
    from keras_seg import _files
    from keras_seg.training.hosts.all_devices import use_all_devices

    use_all_devices()  # As `train` does, whose batches are those of all devices.
    task = task_of(task, plan_file, probe=probe)
    indices = steps.scan(data, ahead=ahead, validation=val, task=task, **reading)
    made = planned(indices, task=task, choices=choices, plan_file=plan_file, probe=probe or False)
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for heading in ("choice", "value", "because"):
        table.add_column(heading)
    for name, choice in made.choices.items():
        table.add_row(name, _short(choice.value), choice.rule)
    console.console.print(table)
    if json_file is not None:
        _files.write_json(json_file, made.to_dict())
        console.print_facts(("Plan", json_file))


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{item:.3g}" if isinstance(item, float) else str(item) for item in value)
    return str(value)
