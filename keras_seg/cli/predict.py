"""keras-seg predict."""

import pathlib

import click

from keras_seg._validation import InputError
from keras_seg.cli import console
from keras_seg.cli.open_run import open_run
from keras_seg.cli.options import overwrite


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--out", type=click.Path(), required=True, help="Folder for masks/ and overlays/.")
@overwrite
def predict(run, images, out, overwrite):
    """Predict IMAGES (files or folders) with the model of RUN: masks of ids and pictures of them over the image.

    The masks hold the ids of classes; with a RUN of --task instances the numbers of the objects, with one of boundary 1
    on the lines.
    """

    run = open_run(run)
    files = image_files(images)
    targets = prediction_targets(files, pathlib.Path(out), overwrite)
    from keras_seg.training import find_task

    plan, names = run.load_plan(), run.load_labels()["names"]
    task, settings = find_task(plan.task), run.load_decoding()
    write_predictions(run.load_model(), files, targets, names, plan.fingerprint["channels"], task, settings)
    console.fact_sheet(("Masks", pathlib.Path(out) / "masks"), ("Overlays", pathlib.Path(out) / "overlays"))


def write_predictions(model, files, targets, names, channels, task, settings):
    """Predict image files one by one and write a mask and an overlay for each."""
    from keras_seg import _files
    from keras_seg.data.reading import read_image

    with console.progress_bar() as bar:
        for file, pair in zip(bar.track(files, description="predicting"), targets, strict=True):
            for target, picture in zip(
                pair, task.draw(model, read_image(file, channels), settings, names), strict=True
            ):
                with _files.written_aside(target, overwrite=True) as aside:
                    picture.save(aside)


def image_files(paths):
    """The image files named, or lying in the folders named."""
    from keras_seg.data.pairs import EXTENSIONS

    files = []
    for path in map(pathlib.Path, paths):
        if path.is_dir():
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
    """(mask, overlay) paths for each image, none of which is lost or written twice."""
    targets, seen = [], {}
    for file in files:
        if file.stem in seen:
            raise InputError(
                f"{file}: would be written to the same place as {seen[file.stem]}. Predict them separately."
            )
        seen[file.stem] = file
        pair = (out / "masks" / f"{file.stem}.png", out / "overlays" / f"{file.stem}.png")
        for target in pair:
            if target.exists() and not overwrite:
                raise InputError(f"{target}: exists already. Choose another --out, or add --overwrite.")
            if target.resolve() == file.resolve():
                raise InputError(f"{file}: would be overwritten by its own prediction. Choose another --out.")
        targets.append(pair)
    return targets
