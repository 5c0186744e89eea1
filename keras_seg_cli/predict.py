"""keras-seg predict."""

import pathlib

import click

from keras_seg_cli import console
from keras_seg_cli.open_run import open_run
from keras_seg_cli.options import IntList, overwrite
from keras_seg_cli.tta import augmented, tta

RASTERS = (".npy", ".zarr")


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--out", type=click.Path(), required=True, help="Folder for masks/ and overlays/.")
@click.option("--tile", type=IntList(sides=2), help="Predict in tiles of this size; rasters are: default 512x512.")
@click.option("--overlap", type=float, help="Share of a tile that its neighbors see too; default 0.5.")
@click.option("--resume", is_flag=True, help="Keep rasters that are predicted and go on with the one interrupted.")
@tta
@overwrite
def predict(run, images, out, *, tile, overlap, resume, tta, overwrite):
    """Predict IMAGES (files or folders) with the model of RUN: masks of ids and pictures of them over the image.

    The masks hold the ids of classes; with a RUN of --task instances the numbers of the objects, with one of boundary 1
    on the lines.

    Rasters too large for an image file, .npy or .zarr (height, width, channels), are read, predicted and written row by
    row to a mask of class ids in the same format.
    """

    run = open_run(run)
    files = image_files(images)
    targets = prediction_targets(files, pathlib.Path(out), overwrite, resume=resume)
    pairs = list(zip(files, targets, strict=True))
    pictures = [pair for pair in pairs if pair[0].suffix not in RASTERS]
    rasters = [pair for pair in pairs if pair[0].suffix in RASTERS]
    plan = run.load_plan()
    if rasters and plan.task != "semantic":
        raise click.UsageError(
            f"{rasters[0][0]}: rasters get masks of class ids, and {run.path} is of --task {plan.task}. "
            "Give it as PNG or TIFF pictures."
        )
    if overlap is not None and tile is None and not rasters:
        raise click.UsageError("--overlap is of tiles. Add --tile HxW.")
    if resume and not rasters:
        raise click.UsageError("--resume is of rasters (.npy, .zarr); images are predicted at once. Drop --resume.")
    model, overlap = augmented(run.load_model(), tta), 0.5 if overlap is None else overlap
    if pictures:
        names, channels = run.load_labels()["names"], plan.fingerprint["channels"]
        predict = None if tile is None else _in_tiles(model, tile, overlap)
        write_predictions(model, *zip(*pictures, strict=True), names, channels, plan.task, run.load_decoding(), predict)
    if rasters:
        _write_rasters(model, rasters, tile or (512, 512), overlap=overlap, overwrite=overwrite, resume=resume)
    facts = [("Masks", pathlib.Path(out) / "masks")]
    console.fact_sheet(*facts, *([("Overlays", pathlib.Path(out) / "overlays")] if pictures else []))


def _in_tiles(model, tile, overlap):
    from keras_seg.inference import TiledPredictor

    return TiledPredictor(model, tile, overlap=overlap).predict


def _write_rasters(model, rasters, tile, *, overlap, overwrite, resume):
    from keras_seg.inference import TiledPredictor

    predictor = TiledPredictor(model, tile, overlap=overlap, output="class_ids")
    for file, (target,) in rasters:
        if resume and not overwrite and target.exists():
            continue
        with console.progress_bar() as bar:
            task = bar.add_task(file.name)
            predictor.predict(
                file,
                target,
                progress=lambda done, total, bar=bar, task=task: bar.update(task, completed=done, total=total),
                overwrite=overwrite,
                resume=resume,
            )


def write_predictions(model, files, targets, *, names, channels, task, settings, predict=None):
    """Predict image files one by one and write a mask and an overlay for each.

    `predict` is a function from an image to its map of scores; by default the model sees it whole.
    """
    from keras_seg import _files
    from keras_seg.data.index.reading import read_image
    from keras_seg.training import find_task
    from keras_seg.training.tasks.scores_of import scores_of

    task = find_task(task)
    with console.progress_bar() as bar:
        for file, pair in zip(bar.track(files, description="predicting"), targets, strict=True):
            image = read_image(file, channels=channels)
            scores = scores_of(model, image) if predict is None else predict(image)
            pictures = task.draw(scores, image, settings, names)
            for target, picture in zip(pair, pictures, strict=True):
                with _files.written_aside(target, overwrite=True) as aside:
                    picture.save(aside)


def image_files(paths):
    """The image files named, or lying in the folders named."""
    from keras_seg.data.index.pairs import EXTENSIONS

    files = []
    for path in map(pathlib.Path, paths):
        if path.suffix in RASTERS and path.exists():
            files.append(path)
        elif path.is_dir():
            found = sorted(f for f in path.iterdir() if f.suffix.lower() in EXTENSIONS and not f.name.startswith("."))
            if not found:
                raise click.UsageError(f"{path}: holds no images ({', '.join(EXTENSIONS)}).")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise click.UsageError(f"{path}: no such file or folder.")
    return files


def prediction_targets(files, out, overwrite, *, resume=False):
    """(mask, overlay) paths for each image and (mask,) for each raster, none of which is lost or written twice.

    With `resume` the masks of rasters may be there: they are whole, and kept.
    """
    targets, seen = [], {}
    for file in files:
        if file.stem in seen:
            raise click.UsageError(
                f"{file}: would be written to the same place as {seen[file.stem]}. Predict them separately."
            )
        seen[file.stem] = file
        raster = (out / "masks" / file.name,) if file.suffix in RASTERS else None
        pair = raster or (out / "masks" / f"{file.stem}.png", out / "overlays" / f"{file.stem}.png")
        for target in pair:
            if target.exists() and not overwrite and not (resume and raster):
                raise click.UsageError(f"{target}: exists already. Choose another --out, or add --overwrite.")
            if target.resolve() == file.resolve():
                raise click.UsageError(f"{file}: would be overwritten by its own prediction. Choose another --out.")
        targets.append(pair)
    return targets
