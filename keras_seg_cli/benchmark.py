"""keras-seg benchmark."""

import click
import rich.box
import rich.table
import rich.text

from keras_seg_cli import console
from keras_seg_cli.options import validation, written_file
from keras_seg_cli.start import open_run, silenced_stderr


@click.command()
@click.argument("run", type=click.Path())
@click.argument("data", type=click.Path(exists=True), required=False)
@validation
@click.option("--images", type=click.IntRange(1), default=32, show_default=True, help="Validation images at most.")
@click.option("--json", "json_file", type=written_file, help="Also write the results to this file.")
def benchmark(run: str, data: str | None, val: str | None, *, images: int, json_file: str | None) -> None:
    """Compare the exported files in the run folder RUN: size, score, agreement with Keras, time and memory.

    The score is the mean IoU, the instance score or the boundary F score, as RUN was trained for.

    DATA is the folder that the run was trained on. Default: where it was then. One row per file; run `keras-seg export`
    once for each format and precision first.
    """
    trained = open_run(run)
    from keras_seg import _files
    from keras_seg.training.benchmark_run import benchmark_run

    with console.status("Running the files"), silenced_stderr():
        found = benchmark_run(trained, images=images, data=data, validation=val)
    table = rich.table.Table(
        title=f"{found.images} validation images, one per call", box=rich.box.SIMPLE_HEAD, title_justify="left"
    )
    for place, heading in enumerate(found.headings):
        table.add_column(heading, justify="right" if place > 1 else "left", overflow="fold")
    for row in found.cells:
        table.add_row(*map(rich.text.Text, row))
    console.console.print(table)
    if json_file is not None:
        _files.write_json(json_file, found.to_dict())
        console.print_facts(("Results", json_file))
