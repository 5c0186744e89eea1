"""What the commands print: one console, tables and progress bars."""

import rich.box
import rich.console
import rich.progress
import rich.table

console = rich.console.Console(highlight=False, soft_wrap=False)


def notice(text):
    """A remark about something found out and not asked for."""
    console.print(f"[yellow]Note:[/] {text}")


def score_table(evaluation, title):
    """IoU and pixel share of each class, and the means."""
    pixels = evaluation.confusion.sum(axis=1)
    table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    table.add_column("class")
    table.add_column("IoU", justify="right")
    table.add_column("pixels", justify="right")
    table.add_column("", min_width=20)
    for name, iou, share in zip(evaluation.class_names, evaluation.iou, pixels / max(1, pixels.sum()), strict=True):
        absent = iou != iou
        bar = "" if absent else "█" * round(20 * iou)
        table.add_row(name, "absent" if absent else f"{100 * iou:.1f}", f"{100 * share:.1f} %", f"[cyan]{bar}[/]")
    summary = evaluation.to_dict()
    table.add_section()
    interval = summary["mean_iou_interval"]
    table.add_row(
        "[bold]mean IoU[/]",
        f"[bold]{100 * summary['mean_iou']:.1f}[/]",
        "",
        "" if interval is None else "{:.1f} to {:.1f} (95 %)".format(*(100 * end for end in interval)),
    )
    for name, score in (
        ("pixel accuracy", "pixel_accuracy"),
        ("mean accuracy", "mean_accuracy"),
        ("frequency-weighted IoU", "frequency_weighted_iou"),
        ("mean Dice", "mean_dice"),
    ):
        table.add_row(name, f"{100 * summary[score]:.1f}")
    return table


def instance_table(evaluation, title):
    """True positives, false positives and false negatives among the objects, and the scores."""
    results = evaluation.to_dict()
    table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    table.add_column("objects at IoU above 0.5")
    table.add_column("", justify="right")
    for name in ("true positives", "false negatives", "false positives"):
        table.add_row(name, str(results[name.replace(" ", "_")]))
    table.add_section()
    table.add_row("[bold]instance score[/]", f"[bold]{100 * results['instance_score']:.1f}[/]")
    for name in ("panoptic quality", "segmentation quality", "recognition quality", "precision", "recall"):
        table.add_row(name, _percent(results[name.replace(" ", "_")]))
    return table


def boundary_table(evaluation, title):
    """F score, precision and recall of the edges."""
    results = evaluation.to_dict()
    table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    table.add_column(f"edges, tolerance {100 * results['tolerance_ratio']:.2f} % of the diagonal")
    table.add_column("", justify="right")
    table.add_row("[bold]boundary F score[/]", f"[bold]{100 * results['boundary_f_score']:.1f}[/]")
    for name in ("precision", "recall"):
        table.add_row(name, _percent(results[name]))
    table.add_row("threshold", f"{results['threshold']:g}")
    return table


def _percent(value):
    return "none" if value is None else f"{100 * value:.1f}"


def table_of(evaluation, title):
    """The table of an evaluation, whatever its task."""
    tables = {"InstanceEvaluation": instance_table, "BoundaryEvaluation": boundary_table}
    return tables.get(type(evaluation).__name__, score_table)(evaluation, title)


def fact_sheet(*facts):
    """Names and values in two columns; long values wrap beside their name. Paths are never cut."""
    table = rich.table.Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, str(value))
    console.print(table)


def progress_bar(*extra_columns):
    """A progress bar with the time that is left."""
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(bar_width=None),
        rich.progress.TaskProgressColumn(),
        *extra_columns,
        rich.progress.TimeRemainingColumn(),
        console=console,
    )


def evaluate_with_bar(task, model, index, settings):
    """A task's `evaluate` with a progress bar."""
    with progress_bar() as bar:
        row = bar.add_task("judging", total=len(index))
        return task.evaluate(model, index, settings, progress=lambda done, _: bar.update(row, completed=done))
