"""Options for work by many processes, and the call that shows its progress."""

from collections.abc import Callable
from typing import Any

import click

from keras_seg_cli import console
from keras_seg_cli.start import silenced_stderr

_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        help="local for one process (the default), or ray for many, on this machine or a cluster.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="With --engine ray: processes that each hold the model. Default: one per GPU, or one per four cores.",
    ),
    click.option(
        "--ray-address",
        metavar="ADDRESS",
        help="With --engine ray: a running cluster, such as auto or ray://head:10001. Default: this machine.",
    ),
)


def engine_options(command: Callable) -> Callable:
    """The options that say who works."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_ray(engine: str, workers: int | None, ray_address: str | None) -> bool:
    """Whether many processes work; fails for options that only they have."""
    for name, value in (("--workers", workers), ("--ray-address", ray_address)):
        if engine != "ray" and value is not None:
            raise click.UsageError(f"{name} is for --engine ray.")
    return engine == "ray"


def with_workers(title: str, call: Callable[..., Any], unit: str = "images") -> Any:
    """The result of `call(progress=...)`, with a bar, the speed and the time left, without the messages of Ray.

    `unit` is what the speed is in, per second.
    """
    from rich.progress import TextColumn

    from keras_seg import InputError

    with console.progress_bar(TextColumn("{task.fields[speed]}")) as bar:
        row = bar.add_task(title, total=None, speed="starting workers")

        def report(done: int, total: int, speed: float) -> None:
            bar.update(row, completed=done, total=total, speed=f"{speed:.1f} {unit} per second")

        refused: InputError | None = None
        with silenced_stderr():
            try:
                return call(progress=report)
            except InputError as error:
                refused = error  # What was silenced is shown for other errors only.
        raise refused
