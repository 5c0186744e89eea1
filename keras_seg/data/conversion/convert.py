"""Write a data folder from what a label tool or a known data set has."""

import pathlib
import tempfile

from keras_seg import _progress, _validation
from keras_seg._types import PathLike, Progress
from keras_seg._validation import InputError
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.registry import FORMATS
from keras_seg.data.conversion.labeled_image import LabeledImage
from keras_seg.data.conversion.recognition import find_format, refuse_unusable
from keras_seg.data.conversion.report import ConversionReport
from keras_seg.data.conversion.source import Source, printable
from keras_seg.data.conversion.unpacking import unpack
from keras_seg.data.conversion.writing import FolderWriter, finished_folder

_TASKS = ("semantic", "instances")


def convert(
    source: PathLike,
    out: PathLike,
    *,
    format: str | None = None,
    task: str = "semantic",
    images: PathLike | None = None,
    allow_orphans: bool = False,
    check_images: bool = True,
    progress: Progress = True,
) -> ConversionReport:
    """Convert what a label tool or a known data set wrote into a folder that keras_seg reads.

    The folder has images/, masks/ with one class id per pixel, and labels.json with the class names; all of these in
    train/, val/ and test/ if the source is divided. Class 0 is the background. The format is recognized by its files:
    FORMATS. Where objects overlap, each format's usual rule decides, and the report says which.

    A pixel belongs to a polygon if its center lies inside it, by pycocotools' rule: corners are rounded to a fifth of a
    pixel, and a polygon that crosses itself is filled by the even-odd rule.

    Nothing outside of `source` is read, and nothing outside of `out` is written. `out` appears when all of it is
    written.

    Args:
        source: path. The folder, one label file, or a .zip of the folder.
        out: path. The folder to write. It must not exist, or be empty.
        format: str. Name of the format. Defaults to None, which recognizes it.
        task: str. "semantic", or "instances" to write maps of objects too, in instances/: 0 for the background, 1, 2,
            ... for the objects, 65535 for ignored pixels. Defaults to "semantic".
        images: path. The folder that holds the images, if they do not lie with the labels: for formats whose labels
            name their images. Defaults to None.
        allow_orphans: bool. Skip labels whose image is missing. Defaults to False, which refuses them.
        check_images: bool. Decode every image, to find damaged ones. Defaults to True.
        progress: bool or function of (done, total). Whether to show a bar. Defaults to True.

    Returns:
        A `ConversionReport`: pixels per class, and every image or object that needs a look.

    Raises:
        InputError: No format fits, or several do; a file is damaged or missing, or leads out of `source`; `out` is not
            empty. One line names the file, the record and the fix.
        ImportError: defusedxml is missing, for CVAT's XML: `pip install "keras-seg[convert]"`.

    Examples:
        >>> import json, tempfile
        >>> from PIL import Image
        >>> folder = tempfile.mkdtemp()
        >>> Image.new("RGB", (4, 3)).save(folder + "/a.png")
        >>> labels = {
        ...     "images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 3}],
        ...     "categories": [{"id": 7, "name": "car"}],
        ...     "annotations": [
        ...         {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "iscrowd": 0}
        ...     ],
        ... }
        >>> _ = pathlib.Path(folder, "_annotations.coco.json").write_text(json.dumps(labels))
        >>> report = convert(folder, folder + "/out", progress=False)
        >>> report.format, report.class_names, report.pixels
        ('coco', ('background', 'car'), (8, 4))
    """
    _progress.check_progress(progress)
    _validation.one_of("task", task, _TASKS)
    _validation.boolean("allow_orphans", allow_orphans)
    _validation.boolean("check_images", check_images)
    if format is not None:
        _validation.one_of("format", format, FORMATS)
    source, out = pathlib.Path(source), pathlib.Path(out)
    if not source.exists():
        raise InputError(f"{printable(str(source))}: there is no such file or folder. Check the path.")
    elsewhere = None if images is None else pathlib.Path(images)
    if elsewhere is not None and not elsewhere.is_dir():
        _validation.fail("images", "must be an existing folder", str(elsewhere))
    try:
        with finished_folder(out) as folder, tempfile.TemporaryDirectory(prefix="keras_seg-") as unpacked:
            if source.is_file() and source.suffix.lower() == ".zip":
                found = Source(unpack(source, pathlib.Path(unpacked)), images=elsewhere, shown=str(source))
            else:
                found = Source(source, images=elsewhere)
            chosen = FORMATS[format] if format else find_format(found)
            refuse_unusable(found, chosen)
            if elsewhere is not None and not chosen.images_elsewhere:
                rule = f"has no effect: the format {chosen.name} finds images by the folders of the source"
                _validation.fail("images", rule, str(elsewhere), "Put them there, and remove `images`.")
            labels = chosen.read(found)
            if task == "instances" and not labels.has_objects:
                _validation.fail("task", f"{chosen.name} does not tell objects apart", task, 'Pass task="semantic".')
            writer = FolderWriter(folder, labels, instances=task == "instances", check_images=check_images)
            with _progress.progress_report(progress, total=None, unit="images") as report:
                for done, item in enumerate(labels.images, 1):
                    if item.image is not None:
                        writer.write(item)
                    elif allow_orphans:
                        writer.leave_out(item)
                    else:
                        raise _missing_image(item, found, chosen)
                    report(done)
            return writer.finish(out, chosen.name)
    except InputError as error:
        raise InputError(printable(str(error))) from error


def _missing_image(item: LabeledImage, source: Source, form: Format) -> InputError:
    elsewhere = " pass the folder of the images as `images`," if form.images_elsewhere else ""
    return InputError(
        f"{item.where}: the image {item.name!r} is not in {source.shown}. Put it there,{elsewhere} or pass "
        "`allow_orphans=True` to skip such labels."
    )


convert.__doc__ = str(convert.__doc__).replace("FORMATS", ", ".join(FORMATS))
