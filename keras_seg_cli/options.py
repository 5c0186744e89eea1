"""Options that several commands share."""

import click

out_run = click.option("--out", "out", type=click.Path(), required=True, help="Folder of the run.")
overwrite = click.option("--overwrite", is_flag=True, help="Replace what is there.")


class IntList(click.ParamType):
    """Whole numbers separated by commas, such as 11 or 0,255; HxW too where `sides` is given."""

    name = "N,N,..."

    def __init__(self, sides=None):
        self.sides = sides
        if sides == 2:
            self.name = "HxW"

    def convert(self, value, param, ctx):
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


TASKS = ("semantic", "instances", "boundary")
task_option = click.option(
    "--task", type=click.Choice(TASKS), help="A class for every pixel (the default), objects, or edges between classes."
)


def data_options(command):
    """How the masks are to be read."""
    for option in (
        click.option(
            "--components/--no-components",
            default=None,
            help="For objects: masks are black and white, each patch of white an object; default: found out.",
        ),
        click.option("--class-names", help="Names separated by commas; default: labels.json or classes.txt of DATA."),
        click.option(
            "--ignore-class", type=IntList(), help="Label or labels of pixels that do not count, e.g. 11 or 0,255."
        ),
        click.option("--num-classes", type=int, help="Default: found in the masks."),
        click.option(
            "--channels", type=click.IntRange(1), help="Channels of the images: 1, 3 (default), 4, those of .npy."
        ),
    ):
        command = option(command)
    return command


def data_arguments(num_classes, ignore_class, class_names, *, channels, components):
    """The data options as arguments of `scan_folder` or `scan_instances`, those not given as None."""
    names = None if class_names is None else [name.strip() for name in class_names.split(",")]
    return {
        "num_classes": num_classes,
        "ignore_class": ignore_class,
        "class_names": names,
        "channels": channels,
        "components": components,
    }
