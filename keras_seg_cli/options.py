"""Options that several commands share."""

import os
from collections.abc import Callable
from typing import Any

import click

out_run = click.option("--out", "out", type=click.Path(), required=True, help="Folder of the run.")
overwrite = click.option("--overwrite", is_flag=True, help="Replace existing results.")
validation = click.option(
    "--val",
    type=click.Path(exists=True),
    help="Folder to validate on. Default: DATA/val, or a fifth of DATA.",
)


class WrittenFile(click.Path):
    """The path of a file that a command writes at its end: a folder is refused at the beginning."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as it is."""
        if os.path.isdir(value):
            self.fail(f"{value}: is a folder, and a file is written. Give the path of a file.", param, ctx)
        return super().convert(value, param, ctx)


class IntList(click.ParamType):
    """Whole numbers separated by commas, such as 11 or 0,255; also HxW if `sides` is given."""

    name = "N,N,..."

    def __init__(self, sides: int | None = None) -> None:
        self.sides = sides
        if sides == 2:
            self.name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The numbers as a tuple."""
        if not isinstance(value, str):
            return value
        separator = "x" if self.sides and "x" in value.lower() else ","
        try:
            numbers = tuple(int(part) for part in value.lower().split(separator))
        except ValueError:
            self.fail(f"{value!r} is not of the form {self.name}.", param, ctx)
        if self.sides and len(numbers) == 1:
            numbers *= self.sides
        if self.sides and len(numbers) != self.sides:
            self.fail(f"{value!r} is not of the form {self.name}.", param, ctx)
        return numbers


# The names of `keras_seg.training.tasks.TASKS`: importing that for --help would import Keras. A test compares the two.
TASKS = ("semantic", "multilabel", "instances", "boundary")
LOGS = ("tensorboard", "wandb", "mlflow")  # As above, of `keras_seg.training.experiment_logs.LOGS`.
task_option = click.option(
    "--task",
    type=click.Choice(TASKS),
    help="One class per pixel (the default), classes that overlap, separate objects, or the edges between classes.",
)

# The names of `keras_seg.training.presets.PRESETS`, as above.
PRESETS = ("fast", "balanced", "best")
# The names of `keras_seg.backbones.pyramid.LEVELS`, as above.
LEVELS = ("all", "P1", "P2", "P3", "P4", "P5")

_DATA_OPTIONS = (
    click.option(
        "--channels",
        type=click.IntRange(1),
        help="Channels of the images: 1, 3 (default), 4, or as many as TIFF, .npy or .zarr files hold.",
    ),
    click.option("--num-classes", type=int, help="Number of classes. Default: found in the masks."),
    click.option("--ignore-class", type=IntList(), help="Label or labels of pixels without a class, e.g. 11 or 0,255."),
    click.option("--class-names", help="Names separated by commas. Default: labels.json or classes.txt of DATA."),
    click.option(
        "--components/--no-components",
        default=None,
        help="With --task instances: whether masks are black and white and each white region is an object. Default: "
        "detected.",
    ),
    click.option(
        "--group-by",
        metavar="PATTERN",
        help="Regular expression that finds a group in file names, e.g. '^[^_]+' for everything before the first "
        "underscore. Images of a group are all trained on, or all validated on.",
    ),
)
_DATA_NAMES = ("channels", "num_classes", "ignore_class", "class_names", "components", "group_by")

_PRESET = click.option(
    "--preset",
    type=click.Choice(PRESETS),
    help="fast for a first result, balanced (the default), or best where time does not matter.",
)
# What several models of a leaderboard can share.
_SHARED_OPTIONS = (
    click.option("--weights", help="imagenet, none, or a weights file of the backbone."),
    click.option(
        "--freeze/--no-freeze", default=None, help="Whether the backbone's weights stay as they are. Default: no."
    ),
    click.option(
        "--aux/--no-aux",
        default=None,
        help="Whether a model with auxiliary heads is trained with them. Default: yes.",
    ),
    click.option(
        "--train-from",
        type=click.Choice(LEVELS),
        help="Level of a pretrained backbone before which its layers stay as they are. Default: P3 on a CPU, else all.",
    ),
    click.option("--epochs", type=int, help="Passes over the data. Default: 25, 50 or 150, by the preset."),
    click.option("--minutes", type=float, help="Train for this long instead, until the learning rate is zero."),
    click.option(
        "--keep",
        type=click.Choice(["last", "best"]),
        help="With --epochs: keep the weights of the last epoch (the default), or of the one with the best validation "
        "score; every epoch is validated then.",
    ),
    click.option(
        "--patience",
        type=int,
        help="With --epochs: end after this many epochs without a better validation score, and keep the best epoch.",
    ),
    click.option("--batch-size", type=int, help="Crops per step."),
    click.option("--crop", type=IntList(sides=2), help="Size of the training crops, e.g. 320x416."),
    click.option("--learning-rate", type=float, help="Highest learning rate."),
    click.option("--decoder-stride", type=int, help="Resolution of the decoder's output: 1 is full, 4 is faster."),
    click.option(
        "--dtype-policy",
        type=click.Choice(["float32", "mixed_bfloat16"]),
        help="mixed_bfloat16 computes most layers in bfloat16 while training; the finished model is float32. Default: "
        "mixed_bfloat16 on a CPU that multiplies bfloat16.",
    ),
    click.option(
        "--ema",
        type=float,
        help="Momentum of an average of the weights. Default: 0.99 with --preset best, else 0, none.",
    ),
    click.option(
        "--binary/--no-binary",
        default=None,
        help="Whether the model of two classes has one channel, the probability of the second. Default: no.",
    ),
    click.option(
        "--border-width", type=int, help="Pixels on either side of a border, with --task instances or boundary."
    ),
)
_PLAN_OPTIONS = (
    _PRESET,
    click.option("--model", help="Architecture. Default: UNet, or SegFormer in short runs with pretrained weights."),
    click.option("--backbone", help="Encoder: Compact, MobileNetV2, ..., or none for the model's own."),
    *_SHARED_OPTIONS,
    click.option("--seed", type=int, help="The same seed, data and machine give the same model."),
)


def _with(options: tuple[Callable, ...]) -> Callable[[Callable], Callable]:
    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# How the masks are read, and the choices of a plan that can be given.
data_options = _with(_DATA_OPTIONS)
class_mask_options = _with(_DATA_OPTIONS[:4])
plan_options = _with(_PLAN_OPTIONS)
shared_plan_options = _with((_PRESET, *_SHARED_OPTIONS))


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(data options, plan options) of a command that takes both."""
    reading = {name: options[name] for name in _DATA_NAMES}
    return reading, {name: value for name, value in options.items() if name not in reading}


def data_arguments(*, class_names: str | None, **options: Any) -> dict[str, Any]:
    """The data options as arguments of a scan; None if not given."""
    names = None if class_names is None else [name.strip() for name in class_names.split(",")]
    return {"class_names": names, **options}
