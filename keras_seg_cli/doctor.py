"""keras-seg doctor."""

import pathlib
from typing import TYPE_CHECKING

import click
import rich.box
import rich.table
import rich.text

from keras_seg_cli import console
from keras_seg_cli.options import written_file
from keras_seg_cli.start import keras_ready

if TYPE_CHECKING:
    from keras_seg import data

_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


@click.command()
@click.argument("data", type=click.Path(exists=True))
@click.option("--masks", type=click.Path(exists=True), help="Folder or text file of the masks, if DATA is of images.")
@click.option(
    "--task",
    type=click.Choice(["semantic", "instances", "multilabel"]),
    help="What the masks hold. Default: recognized, or classes.",
)
@click.option("--repair", type=click.Path(), help="Write a clean copy into this new folder. DATA is not changed.")
@click.option("--html", type=written_file, help="Write the findings and a picture into one page.")
@click.option("--json", "json_", type=written_file, help="Write the findings into a file.")
@click.option("--channels", type=click.IntRange(1), default=3, help="Channels of the images. Default: 3.")
def doctor(
    data: str,
    masks: str | None,
    *,
    repair: str | None,
    html: str | None,
    json_: str | None,
    channels: int,
    task: str | None,
) -> None:
    """Find all problems of the folder DATA, instead of stopping at the first one.

    Exit status: 0 if training can start, 1 with warnings, 2 with errors; with --repair, that of the copy.
    """
    keras_ready()
    diagnosis = _diagnosed(data if masks is None else (data, masks), channels, task)
    _print(diagnosis)
    _write(diagnosis, html, json_)
    if repair is not None:
        done = diagnosis.repair(repair)
        console.print_facts(
            ("Repaired copy", rich.text.Text(f"{repair}: {done['pairs']:,} pairs")),
            ("Not copied", f"{len(done['not_copied']):,} files"),
            ("Log", rich.text.Text(str(pathlib.Path(repair) / "repairs.json"))),
        )
        diagnosis = _diagnosed(repair, channels, task or ("instances" if "objects" in diagnosis.facts else None))
        _print(diagnosis)
    click.get_current_context().exit(diagnosis.status)


def _diagnosed(path: str | tuple[str, str], channels: int, task: str | None) -> "data.Diagnosis":
    from keras_seg.data import diagnose

    with console.progress_bar() as bar:
        row = bar.add_task("examining", total=None)

        def report(done: int, total: int | None) -> None:
            bar.update(row, completed=done, total=total)

        return diagnose(path, channels=channels, task=task, progress=report)


def _print(diagnosis: "data.Diagnosis") -> None:
    table = rich.table.Table(
        title=rich.text.Text(f"Diagnosis of {diagnosis.path}"), box=rich.box.SIMPLE_HEAD, title_justify="left"
    )
    table.add_column("severity", no_wrap=True)
    table.add_column("finding", overflow="fold")
    for finding in diagnosis.findings:
        text = rich.text.Text(finding.message)
        if finding.examples:
            text.append(f"\nFor example {', '.join(finding.examples)}", style="dim")
        text.append(f"\n{finding.fix}{' (--repair does this in a copy.)' if finding.repairable else ''}")
        table.add_row(rich.text.Text(finding.severity, style=_STYLES[finding.severity]), text)
    if diagnosis.findings:
        console.console.print(table)
    else:
        console.console.print(rich.text.Text(f"{diagnosis.path}: nothing found."))


def _write(diagnosis: "data.Diagnosis", html: str | None, json: str | None) -> None:
    facts = []
    for name, path, write in (("Page", html, diagnosis.write_html), ("JSON", json, diagnosis.write_json)):
        if path is not None:
            write(path)
            facts.append((name, rich.text.Text(path)))
    beside = html or json
    if beside is not None and (picture := diagnosis.sheet()) is not None:
        file = pathlib.Path(beside).with_suffix(".png")
        if str(file) in (html, json):
            file = file.with_name(f"{file.stem}-sheet.png")
        picture.save(file)
        facts.append(("Picture", rich.text.Text(str(file))))
    if facts:
        console.print_facts(*facts)
