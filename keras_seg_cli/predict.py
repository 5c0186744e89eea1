"""keras-seg predict."""

import pathlib
from typing import TYPE_CHECKING, Any

import click

from keras_seg_cli import console, steps
from keras_seg_cli.engine import engine_options, is_ray, with_workers
from keras_seg_cli.option_names import in_options
from keras_seg_cli.options import IntList, overwrite
from keras_seg_cli.postprocessing import postprocessing, print_postprocessing
from keras_seg_cli.start import open_model
from keras_seg_cli.tta import augmented, transforms_of, tta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keras_seg.training.prediction_file import PredictionFile
    from keras_seg.training.prediction_files import Failure
    from keras_seg.training.usable_model import UsableModel


@click.command()
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1, required=True)
@click.option("--out", type=click.Path(), required=True, help="Folder for masks/ and overlays/, or s3://... with Ray.")
@click.option("--tile", type=IntList(sides=2), help="Predict in tiles of this size. Default for rasters: 512x512.")
@click.option("--overlap", type=float, help="Share of a tile that its neighbors cover too. Default: 0.5.")
@click.option("--frames", type=click.IntRange(1), help="Frames of each video at most. Default: all.")
@click.option("--recursive", is_flag=True, help="Also predict the images in subfolders, to subfolders of --out.")
@click.option("--resume", is_flag=True, help="Keep finished predictions and continue an interrupted raster.")
@click.option(
    "--polygons",
    type=click.Choice(["geojson", "coco"]),
    help="Also write the regions of the masks as polygons, to polygons/ or to coco.json.",
)
@postprocessing
@tta
@engine_options
@overwrite
def predict(
    run: str,
    images: tuple[str, ...],
    out: str,
    *,
    tile: tuple[int, int] | None,
    overlap: float | None,
    frames: int | None,
    recursive: bool,
    resume: bool,
    polygons: str | None,
    postprocessing: bool,
    tta: str | None,
    engine: str,
    workers: int | None,
    ray_address: str | None,
    overwrite: bool,
) -> None:
    """Predict IMAGES with the model of the run folder RUN: masks and overlays.

    RUN may also be an exported file: .tflite, .onnx, OpenVINO's .xml, or the folder of a SavedModel.

    IMAGES are files, folders, patterns in quotes such as 'scans/**/*.png', and text files (.txt) that name a file per
    line. A file that cannot be read does not stop the others: it is listed at the end, and the exit status is then 1.

    Masks hold class ids. Those of --task instances hold object numbers, those of --task boundary 1 on the lines; those
    of --task multilabel are a folder per image, with a black and white mask per class.

    Rasters (.npy or .zarr, height x width x channels) may be larger than memory. They are predicted row by row, to a
    mask of class ids in the same format. So are georeferenced TIFFs, if rasterio is installed: the mask is a GeoTIFF at
    the same place.

    Videos (.mp4, .mov, .avi, .mkv, ...), cameras (camera:0) and streams (rtsp://...) become videos of overlays. Ctrl-C
    ends those of cameras and streams.

    areas.csv lists the area of each class in each image; objects.csv, for --task instances, the box and area of each
    object. What these files hold of other images is kept.

    --engine ray predicts big folders by many processes: IMAGES and --out may be addresses such as s3://bucket/folder,
    finished predictions of the same model are kept when the command is run again, and no tables are written. A single
    raster is divided among the processes, and what is finished of it is kept.
    """
    many = is_ray(engine, workers, ray_address)
    for name, value in (("--frames", frames), ("--polygons", polygons)):
        if many and value is not None:
            raise click.UsageError(f"{name} is for --engine local.")
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other. Drop one of them.")
    trained = open_model(run, postprocessing=postprocessing)
    transforms = None if tta is None else transforms_of(tta)
    made = {"tile": tile, "overlap": overlap, "tta": transforms, "postprocessing": postprocessing}
    if many:
        print_postprocessing(trained)
        options = {"resume": resume, "overwrite": overwrite, "workers": workers, "ray_address": ray_address}
        raster = _single_raster(trained, images, out)
        if raster is not None:
            _predict_raster_by_workers(trained, raster, out=out, made=made, **options)
            return
        _predict_by_workers(trained, images, out, recursive=recursive, **made, **options)
        return
    from keras_seg.training.prediction_files import prediction_files
    from keras_seg.training.prediction_inputs import find_images
    from keras_seg.training.prediction_videos import check_videos, prediction_videos

    found = find_images(images, recursive=recursive, exclude=out)
    kinds = {"folders": trained.task.overlapping, "maps": trained.task.class_id_masks}
    files = prediction_files(found, out, overwrite=overwrite, resume=resume, **kinds)
    videos = prediction_videos(found, out, overwrite=overwrite, resume=resume)
    if frames is not None and not videos:
        raise click.UsageError("--frames is for videos, cameras and streams, and there are none.")
    if polygons is not None and not files:
        raise click.UsageError("--polygons is for images and rasters, and there are none.")
    if videos:
        check_videos(trained, tile=tile, overlap=overlap)
    if files:
        steps.check_descriptions(trained, files, pathlib.Path(out), polygons=polygons)
    _print_notices(found.notices)
    print_postprocessing(trained)
    model = augmented(trained.load_model(), tta)
    failures, cut = [], {"tile": tile, "overlap": overlap}
    if files:
        _forget_if_mixed(trained, files, out, made, overwrite=overwrite)
        kept = {"overwrite": overwrite, "resume": resume}
        failures = steps.predict(trained, model, files, beside=len(videos), **kept, **cut)
    if len(failures) < len(files):
        console.print_facts(("Masks", pathlib.Path(out) / "masks"))
        if any(file.overlay is not None for file in files):
            console.print_facts(("Overlays", pathlib.Path(out) / "overlays"))
        for name, path in steps.describe(trained, files, failures, pathlib.Path(out), polygons=polygons):
            console.print_facts((name, path))
    failures += steps.predict_videos(trained, model, videos, beside=len(files), frames=frames, resume=resume, **cut)
    _end(failures, len(files) + len(videos))


def _single_raster(trained: "UsableModel", images: tuple[str, ...], out: str) -> "PredictionFile | None":
    """The one raster that is to be predicted on this machine's disks; None for anything else."""
    from keras_seg._remote_files import is_remote
    from keras_seg.training.prediction_file import prediction_file
    from keras_seg.training.prediction_inputs import is_raster

    name, *others = images
    path = pathlib.Path(name)
    if others or is_remote(name) or is_remote(out) or not (path.is_file() or is_raster(path)):
        return None
    kinds = {"folders": trained.task.overlapping, "maps": trained.task.class_id_masks}
    file = prediction_file(path, pathlib.PurePath(), pathlib.Path(out), **kinds)
    return file if file.overlay is None else None


def _predict_raster_by_workers(
    trained: "UsableModel",
    file: "PredictionFile",
    *,
    out: str,
    made: dict[str, Any],
    resume: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    from keras_seg import scale
    from keras_seg.training.prediction_files import check_target
    from keras_seg.training.raster_file import raster_out

    check_target(file.mask, overwrite=overwrite, resume=resume)
    if resume and file.finished:
        console.print_facts(("Kept", file.mask))
        return
    _forget_if_mixed(trained, [file], out, made, overwrite=overwrite)
    # Those of the function are the default sizes of rasters.
    cut = {name: made[name] for name in ("tile", "overlap") if made[name] is not None}
    found = with_workers(
        file.image.name,
        lambda progress: scale.predict_raster_with_ray(
            trained.path,
            file.image,
            out=raster_out(trained, file),
            tta=made["tta"],
            overwrite=overwrite,
            progress=progress,
            **cut,
            **options,
        ),
        unit="million pixels",
    )
    _print_notices(found.notices)
    kept = f", of which {found.kept} were finished before" if found.kept else ""
    console.print_facts(("Predicted", f"{found.bands} bands{kept}"), ("Mask", found.path))


def _forget_if_mixed(
    trained: "UsableModel", files: "Sequence[PredictionFile]", out: str, made: dict[str, Any], *, overwrite: bool
) -> None:
    """Keep a later --engine ray from taking what is written now for predictions of another model."""
    if overwrite or not all(file.finished for file in files):
        from keras_seg.scale.made_with import forget_if_mixed

        forget_if_mixed(pathlib.Path(out), trained, **made)


def _print_notices(notices: "Sequence[str]") -> None:
    """Print lines of the package in the words of the command."""
    command = click.get_current_context().command
    console.notices(in_options(notice, command, [command]) for notice in notices)


def _predict_by_workers(trained: "UsableModel", images: tuple[str, ...], out: str, **options: Any) -> None:
    from keras_seg import scale

    found = with_workers(
        "predicting",
        lambda progress: scale.predict_with_ray(trained.path, images, out=out, progress=progress, **options),
    )
    _print_notices(found.notices)
    if found.predicted:
        text = f"{found.predicted} images, {found.images_per_second:.1f} per second"
        console.print_facts(("Predicted", text))
    if found.kept:
        console.print_facts(("Kept", f"{found.kept} images, whose predictions were there"))
    if found.predicted or found.kept:
        console.print_facts(("Masks", f"{out.rstrip('/')}/masks"), ("Overlays", f"{out.rstrip('/')}/overlays"))
    _end(found.failures, found.images)


def _end(failures: "Sequence[Failure]", total: int) -> None:
    """Say which files were not predicted; the exit status is 1 if there are any."""
    if failures:
        context = click.get_current_context()
        group = context.find_root().command
        # Advice may be for other commands, such as to export again.
        commands = group.commands.values() if isinstance(group, click.Group) else [group]
        for failure in failures:
            click.echo(f"Error: {in_options(failure.reason, context.command, commands)}", err=True)
        click.echo(f"{len(failures)} of {total} files were not predicted.", err=True)
        context.exit(1)
