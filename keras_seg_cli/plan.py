"""keras-seg plan."""

import click
import rich.box
import rich.table

from keras_seg_cli import console
from keras_seg_cli.options import data_arguments, data_options, task_option
from keras_seg_cli.start import keras_ready
from keras_seg_cli.train import plan_options, scan


@click.command()
@click.argument("data", type=click.Path(exists=True))
@click.option("--val", type=click.Path(exists=True), help="Folder to validate on.")
@task_option
@data_options
@plan_options
def plan(data, val, task, *, num_classes, ignore_class, class_names, channels, components, **given):
    """Show what `train` would do with DATA, each choice with its reason, without training."""

    keras_ready()
    from keras_seg import training

    task = training.find_task(task or "semantic")
    indices = scan(
        data,
        val,
        task,
        data_options=data_arguments(num_classes, ignore_class, class_names, channels=channels, components=components),
    )
    made = training.make_plan(training.fingerprint(*indices, task=task.name), **given)
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for heading in ("choice", "value", "because"):
        table.add_column(heading)
    for name, choice in made.choices.items():
        table.add_row(name, _short(choice.value), choice.rule)
    console.console.print(table)


def _short(value):
    if isinstance(value, list):
        return ", ".join(f"{item:.3g}" if isinstance(item, float) else str(item) for item in value)
    return str(value)
