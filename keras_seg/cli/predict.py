"""keras-seg predict."""

import pathlib

import click

from keras_seg._validation import InputError
from keras_seg.cli import console
from keras_seg.cli.open_run import open_run
from keras_seg.cli.options import overwrite
from keras_seg.cli.tta import augmented, tta


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--out", type=click.Path(), required=True, help="Folder for masks/ and overlays/.")
@tta
@overwrite
def predict(run, images, out, tta, overwrite):
    """Predict IMAGES (files or folders) with the model of RUN: masks of class ids and colour overlays."""

    run = open_run(run)
    files = image_files(images)
    targets = prediction_targets(files, pathlib.Path(out), overwrite)
    names = run.load_labels()["names"]
    channels = run.load_plan().fingerprint["channels"]
    write_predictions(augmented(run.load_model(), tta), files, targets, names, channels)
    console.fact_sheet(("Masks", pathlib.Path(out) / "masks"), ("Overlays", pathlib.Path(out) / "overlays"))


def write_predictions(model, files, targets, names, channels):
    """Predict image files one by one and write a palette mask and an overlay for each."""
    from PIL import Image

    from keras_seg import _files
    from keras_seg.data.reading import read_image
    from keras_seg.inference import predict_classes
    from keras_seg.visualization import overlay, palette

    colors = palette(len(names))
    with console.progress_bar() as bar:
        for file, (mask_file, overlay_file) in zip(bar.track(files, description="predicting"), targets, strict=True):
            image = read_image(file, channels)
            mask = predict_classes(model, image[None])[0].astype("uint8" if len(names) <= 256 else "uint16")
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
