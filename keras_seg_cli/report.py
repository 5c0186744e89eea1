"""keras-seg report."""

import click

from keras_seg_cli import console
from keras_seg_cli.options import validation
from keras_seg_cli.start import open_run


@click.command()
@click.argument("run", type=click.Path())
@click.argument("data", type=click.Path(exists=True), required=False)
@validation
def report(run: str, data: str | None, val: str | None) -> None:
    """Write RUN/report.html again, for example after an export.

    DATA is the folder that the run was trained on. Default: where it was then.
    """
    trained = open_run(run)
    from keras_seg import training

    with console.progress_bar() as bar:
        row = bar.add_task("examining", total=None)
        path = training.write_report(
            trained.folder,
            data=data,
            validation=val,
            progress=lambda done, total: bar.update(row, completed=done, total=total),
        )
    console.print_facts(("Report", path))
