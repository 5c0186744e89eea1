"""keras-seg convert."""

from typing import TYPE_CHECKING

import click
import rich.box
import rich.table
import rich.text

from keras_seg_cli import console
from keras_seg_cli.start import keras_ready

if TYPE_CHECKING:
    from keras_seg.data import ConversionReport

# The names of the formats: importing them for --help would import Keras. A test compares the two.
FORMATS = (
    "coco",
    "coco-panoptic",
    "yolo",
    "labelme",
    "cvat",
    "roboflow-masks",
    "split-masks",
    "voc",
    "cityscapes",
    "ade20k",
    "camvid",
    "nnunet",
    "kitti",
    "mapillary",
    "supervisely",
    "supervisely-masks",
    "label-studio",
    "via",
    "folders",
)


@click.command()
@click.argument("source", type=click.Path(exists=True))
@click.argument("out", type=click.Path())
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Format of SOURCE. Default: recognized.")
@click.option(
    "--task",
    type=click.Choice(["semantic", "instances"]),
    default="semantic",
    help="Write class masks (the default), or maps of objects too.",
)
@click.option("--images", type=click.Path(exists=True), help="Folder of the images, if they are not in SOURCE.")
@click.option("--allow-orphans", is_flag=True, help="Skip labels whose image is missing.")
def convert(source: str, out: str, *, format_: str | None, task: str, images: str | None, allow_orphans: bool) -> None:
    """Turn the data of a label tool, or a known data set, into a folder for `train`.

    SOURCE is a folder, a label file or a .zip; the new folder is OUT.
    """
    keras_ready()
    from keras_seg import data

    report = data.convert(source, out, format=format_, task=task, images=images, allow_orphans=allow_orphans)
    console.notices(report.notices)
    console.console.print(_class_table(report))
    console.print_facts(("format", report.format), *report.facts, ("written to", out))


def _class_table(report: "ConversionReport") -> rich.table.Table:
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("class")
    for heading in ("name", "pixels", "share", "images", "objects"):
        table.add_column(heading, justify="left" if heading == "name" else "right")
    total = max(sum(report.pixels) + report.ignored_pixels, 1)
    for id_, name in enumerate(report.class_names):
        pixels, objects = report.pixels[id_], report.objects[id_]
        # A name in brackets is no markup, and one with control characters must not move the cursor.
        shown = rich.text.Text(name if name.isprintable() else repr(name)[1:-1])
        row = (f"{pixels}", f"{pixels / total:.2%}", f"{report.images_per_class[id_]}", f"{objects or ''}")
        table.add_row(str(id_), shown, *row)
    return table
