"""keras-seg predict."""

import pathlib

import click

from keras_seg_cli import console, steps
from keras_seg_cli.options import IntList, overwrite
from keras_seg_cli.start import open_run
from keras_seg_cli.tta import augmented, tta


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--out", type=click.Path(), required=True, help="Folder for masks/ and overlays/.")
@click.option("--tile", type=IntList(sides=2), help="Predict in tiles of this size. Default for rasters: 512x512.")
@click.option("--overlap", type=float, help="Share of a tile that its neighbors cover too. Default: 0.5.")
@click.option("--resume", is_flag=True, help="Keep finished rasters and continue an interrupted one.")
@tta
@overwrite
def predict(
    run: str,
    images: tuple[str, ...],
    out: str,
    *,
    tile: tuple[int, int] | None,
    overlap: float | None,
    resume: bool,
    tta: str | None,
    overwrite: bool,
) -> None:
    """Predict IMAGES (files or folders) with the model of the run folder RUN: masks, and overlays on the images.

    The masks hold class ids, for a run of --task instances object numbers, for one of --task boundary 1 on the lines.

    Rasters (.npy or .zarr, height x width x channels) may be larger than memory. They are predicted row by row, to a
    mask of class ids in the same format.
    """
    trained = open_run(run)
    from keras_seg.training.prediction_files import find_images, prediction_files

    files = prediction_files(find_images(images), out, overwrite=overwrite, resume=resume)
    model = augmented(trained.folder.load_model(), tta)
    steps.predict(trained, model, files, tile=tile, overlap=overlap, overwrite=overwrite, resume=resume)
    console.print_facts(("Masks", pathlib.Path(out) / "masks"))
    if any(file.overlay is not None for file in files):
        console.print_facts(("Overlays", pathlib.Path(out) / "overlays"))
