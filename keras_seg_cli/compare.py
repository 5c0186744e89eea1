"""keras-seg compare."""

import click
import rich.box
import rich.table
import rich.text

from keras_seg_cli import console
from keras_seg_cli.options import WrittenFile
from keras_seg_cli.start import keras_ready


@click.command()
@click.argument("runs", type=click.Path(), nargs=-1, required=True)
@click.option("--data", type=click.Path(exists=True), help="Data folder. Default: the validation images of the runs.")
@click.option("--split", help="train, val or test of --data. Default: val if it has it.")
@click.option("--html", type=WrittenFile(), help="Also write a page.")
@click.option("--json", "json_file", type=WrittenFile(), help="Also write the results to this file.")
def compare(
    runs: tuple[str, ...], *, data: str | None, split: str | None, html: str | None, json_file: str | None
) -> None:
    """Compare the models of the run folders RUNS with the first of them, on the same images.

    RUNS are of one task. With --data, they may also be exported files.
    """
    keras_ready()
    from keras_seg import _files, report, training
    from keras_seg.training.open_model import open_model

    with console.progress_bar() as bar:
        rows = {}

        def report_progress(run: str, done: int, total: int | None) -> None:
            if run not in rows:
                rows[run] = bar.add_task(run)
            bar.update(rows[run], completed=done, total=total)

        found = training.compare_runs(runs, data=data, split=split, progress=report_progress)
    console.notices(found.notices)
    table = rich.table.Table(title=f"{found.images} images", box=rich.box.SIMPLE_HEAD, title_justify="left")
    table.add_column("run", overflow="fold")
    for heading in (found.score_name, "95 %", "difference", "95 %", ""):
        table.add_column(heading, justify="right")
    for row in found.rows:
        table.add_row(*map(rich.text.Text, row))
    console.console.print(table)
    for run in map(open_model, runs):
        if run.postprocessing:
            text = f"{run.path}: {run.postprocessing.describe(run.labels['names'])}"
            console.print_facts(("Postprocessing", text))
    if html is not None:
        place = data or "the runs' validation data"
        _files.write_text(html, report.comparison_page(found, data=place))
        console.print_facts(("Page", html))
    if json_file is not None:
        _files.write_json(json_file, found.to_dict())
        console.print_facts(("Results", json_file))
