"""keras-seg predict."""

import pathlib

import click

from keras_seg._validation import InputError
from keras_seg.cli import console
from keras_seg.cli.open_run import open_run
from keras_seg.cli.options import IntList, overwrite

RASTERS = (".npy", ".zarr")


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--out", type=click.Path(), required=True, help="Folder for masks/ and overlays/.")
@click.option("--tile", type=IntList(sides=2), help="Predict in tiles of this size; rasters are: default 512x512.")
@click.option("--overlap", type=float, help="Share of a tile that its neighbours see too; default 0.5.")
@click.option("--resume", is_flag=True, help="Go on with rasters that were interrupted.")
@overwrite
def predict(run, images, out, tile, overlap, resume, overwrite):
    """Predict IMAGES (files or folders) with the model of RUN: masks of class ids and colour overlays.

    Rasters too large for an image file, .npy or .zarr (height, width, channels), are read, predicted and written row by
    row to a mask of the same format.
    """

    run = open_run(run)
    files = image_files(images)
    targets = prediction_targets(files, pathlib.Path(out), overwrite)
    rasters = [file for file in files if file.suffix in RASTERS]
    if overlap is not None and tile is None and not rasters:
        raise InputError("--overlap is of tiles. Add --tile HxW.")
    names = run.load_labels()["names"]
    channels = run.load_plan().fingerprint["channels"]
    model, ids_of = run.load_model(), None
    if tile is not None or rasters:
        from keras_seg.inference import TiledPredictor

        predictor = TiledPredictor(
            model, tile or (512, 512), overlap=0.5 if overlap is None else overlap, output="class_ids"
        )
        ids_of = None if tile is None else predictor.predict
    pictures = [(file, target) for file, target in zip(files, targets, strict=True) if file not in rasters]
    if pictures:
        write_predictions(model, *zip(*pictures, strict=True), names, channels, ids_of)
    for file, (target,) in [pair for pair in zip(files, targets, strict=True) if pair[0] in rasters]:
        with console.progress_bar() as bar:
            task = bar.add_task(file.name)
            predictor.predict(
                file,
                target,
                progress=lambda done, total, bar=bar, task=task: bar.update(task, completed=done, total=total),
                overwrite=overwrite,
                resume=resume,
            )
    facts = [("Masks", pathlib.Path(out) / "masks")]
    console.fact_sheet(*facts, *([("Overlays", pathlib.Path(out) / "overlays")] if pictures else []))


def write_predictions(model, files, targets, names, channels, ids_of=None):
    """Predict image files one by one and write a palette mask and an overlay for each.

    `ids_of` is a function from an image to its class ids; None predicts it whole.
    """
    from PIL import Image

    from keras_seg import _files
    from keras_seg.data.reading import read_image
    from keras_seg.inference import predict_classes
    from keras_seg.visualization import overlay, palette

    colors = palette(len(names))
    with console.progress_bar() as bar:
        for file, (mask_file, overlay_file) in zip(bar.track(files, description="predicting"), targets, strict=True):
            image = read_image(file, channels)
            mask = predict_classes(model, image[None])[0] if ids_of is None else ids_of(image)
            mask = mask.astype("uint8" if len(names) <= 256 else "uint16")
            picture = Image.fromarray(mask)
            if mask.dtype == "uint8":
                picture.putpalette(colors.tobytes())
            for target, content in (
                (mask_file, picture),
                (overlay_file, Image.fromarray(overlay(image, mask, colors))),
            ):
                with _files.written_aside(target, overwrite=True) as aside:
                    content.save(aside)


def image_files(paths):
    """The image files named, or lying in the folders named."""
    from keras_seg.data.pairs import EXTENSIONS

    files = []
    for path in map(pathlib.Path, paths):
        if path.suffix in RASTERS and path.exists():
            files.append(path)
        elif path.is_dir():
            found = sorted(f for f in path.iterdir() if f.suffix.lower() in EXTENSIONS and not f.name.startswith("."))
            if not found:
                raise InputError(f"{path}: holds no images ({', '.join(EXTENSIONS)}).")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"{path}: no such file or folder.")
    return files


def prediction_targets(files, out, overwrite):
    """(mask, overlay) paths for each image and (mask,) for each raster, none of which is lost or written twice."""
    targets, seen = [], {}
    for file in files:
        if file.stem in seen:
            raise InputError(
                f"{file}: would be written to the same place as {seen[file.stem]}. Predict them separately."
            )
        seen[file.stem] = file
        raster = (out / "masks" / file.name,) if file.suffix in RASTERS else None
        pair = raster or (out / "masks" / f"{file.stem}.png", out / "overlays" / f"{file.stem}.png")
        for target in pair:
            if target.exists() and not overwrite:
                raise InputError(f"{target}: exists already. Choose another --out, or add --overwrite.")
            if target.resolve() == file.resolve():
                raise InputError(f"{file}: would be overwritten by its own prediction. Choose another --out.")
        targets.append(pair)
    return targets
