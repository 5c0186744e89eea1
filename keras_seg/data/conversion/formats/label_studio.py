"""Label Studio: JSON and JSON-MIN, with the images of the project beside them."""

import dataclasses
import functools
import pathlib
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.label_studio_regions import Region, region_stamp, regions_of
from keras_seg.data.conversion.formats.split_files import by_split
from keras_seg.data.conversion.labeled_image import LabeledImage, LabeledImages, LabeledObject, checked_size, no_area
from keras_seg.data.conversion.source import Source
from keras_seg.data.index.file_listing import EXTENSIONS

# What uploads have before their name.
_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")
_PNG_EXPORT = re.compile(r"task-\d+-annotation-\d+-by-.*\.png")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Task:
    """An image with its regions; None for regions if it has no labels yet."""

    image: str
    where: str
    regions: tuple[Region, ...] | None


def _is_task(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list)


def _is_short_task(row: Any) -> bool:
    return isinstance(row, dict) and "annotation_id" in row and "annotator" in row


def _fits(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and (_is_task(content[0]) or _is_short_task(content[0]))


def _files(source: Source) -> list[pathlib.Path]:
    return [file for file in source.label_files(".json") if _fits(source.recognized_json(file))]


def _recognize(source: Source) -> str | None:
    files = _files(source)
    return f"{source.name(files[0])} with tasks and annotations" if files else None


def _unusable(source: Source) -> str | None:
    if source.file:
        return None
    mask = next((file for file in source.files(source.root, (".png",)) if _PNG_EXPORT.fullmatch(file.name)), None)
    if mask is None:
        return None
    return (
        f"{source.name(mask)}: the PNG files of Label Studio do not tell which image they belong to. Export the "
        "project as JSON, which holds the same strokes, and put the images beside it."
    )


def _read(source: Source) -> LabeledImages:
    missing = "no JSON file holds tasks with annotations. Export the project as JSON."
    files = by_split(source, source.required(_files(source), missing))
    tasks = {split: _tasks(source, file) for split, file in files.items()}
    skipped: dict[str, int] = {}
    seen: set[str] = set()
    for region in (r for group in tasks.values() for task in group for r in task.regions or ()):
        if region.no_area:
            skipped[region.no_area] = skipped.get(region.no_area, 0) + 1
        else:
            seen.add(region.label)
    names, ids = class_ids(sorted(seen), source.shown)
    classes = dict(zip(sorted(seen), ids, strict=True))
    found = LabeledImages(names=names, images=iter(()), rule="later regions lie on top", notices=no_area(skipped))

    def images() -> Iterator[LabeledImage]:
        for split, file in files.items():
            for task in tasks[split]:
                path, name = _image(source, file, task)
                if task.regions is None:
                    found.left_out.append(name)
                    continue
                areas = [region for region in task.regions if not region.no_area]
                yield LabeledImage(
                    image=path,
                    name=name,
                    where=task.where,
                    split=split,
                    size=_size(task),
                    objects=[
                        LabeledObject(id_=classes[region.label], draw=functools.partial(region_stamp, region))
                        for region in areas
                    ],
                    annotated=bool(task.regions),
                )

    found.images = images()
    return found


def _tasks(source: Source, file: pathlib.Path) -> list[_Task]:
    rows, name = source.json(file), source.name(file)
    tasks: list[_Task] = []
    short: dict[Any, _Task] = {}
    for number, row in enumerate(rows, 1):
        id_ = row.get("id", number) if isinstance(row, dict) else number
        where = f"{name}: task {id_}"
        if _is_task(row):
            chosen = _chosen(row["annotations"], where)
            regions = None if chosen is None else tuple(regions_of(chosen, where))
            tasks.append(_Task(image=_address(row["data"], where), where=where, regions=regions))
        elif _is_short_task(row):
            lists = [values for values in row.values() if isinstance(values, list)]
            results = [{**value, "value": value} for values in lists for value in values if isinstance(value, dict)]
            if str(id_) in short:
                raise _several(where, 2)
            tasks.append(_Task(image=_address(row, where), where=where, regions=tuple(regions_of(results, where))))
            short[str(id_)] = tasks[-1]
        else:
            raise InputError(f"{where}: is no task of Label Studio. Export the project again.")
    return tasks


def _chosen(annotations: list[Any], where: str) -> list[Any] | None:
    """The results of the one annotation that counts; None if there is none."""
    if not all(isinstance(row, dict) for row in annotations):
        raise InputError(f"{where}: an annotation is not an object. Export the project again.")
    kept = [row for row in annotations if not row.get("was_cancelled")]
    kept = [row for row in kept if row.get("ground_truth")] or kept
    if len(kept) > 1:
        raise _several(where, len(kept))
    results = kept[0].get("result") if kept else None
    if kept and not isinstance(results, list):
        raise InputError(f"{where}: the annotation has no list result. Export the project again.")
    return results


def _several(where: str, count: int) -> InputError:
    return InputError(
        f"{where}: has {count} annotations. Mark the one to use as ground truth in Label Studio and export as JSON, or "
        "delete the others."
    )


def _address(data: dict[str, Any], where: str) -> str:
    """What the task calls its image."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    if "image" in texts:
        return texts["image"]
    images = [value for value in texts.values() if _names(value) and _suffix(_names(value)[0]) in EXTENSIONS]
    if len(images) != 1:
        rule = "no image" if not images else f"{len(images)} images"
        raise InputError(f"{where}: names {rule} in its data, and one is read. Name it image in the project.")
    return images[0]


def _names(address: str) -> list[str]:
    """The paths that the file of an address may have: that of local storage, its last part, and that without a hash."""
    try:
        parts = urllib.parse.urlsplit(address)
        local = urllib.parse.parse_qs(parts.query).get("d", [""])[0]
    except ValueError:
        return []
    path = (local or urllib.parse.unquote(parts.path)).replace("\\", "/")
    last = path.rsplit("/", 1)[-1]
    # The path of local storage counts from a folder that may be the source.
    names = [path] if local and not path.startswith("/") else []
    return [name for name in dict.fromkeys([*names, last, _PREFIX.sub("", last, count=1)]) if name.strip()]


def _suffix(name: str) -> str:
    return pathlib.PurePosixPath(name).suffix.lower()


def _image(source: Source, file: pathlib.Path, task: _Task) -> tuple[pathlib.Path | None, str]:
    """(the file of the image, its name)."""
    names = _names(task.image)
    bases = [file.parent, file.parent / "images"]
    for name in names:
        path = None if name in (".", "..") else source.first_file(name, bases, task.where)
        if path:
            return path, name
    if not names:
        raise InputError(f"{task.where}: the image {task.image[:60]!r} is no address of a file. Export it again.")
    return None, names[0]


def _size(task: _Task) -> tuple[int, int] | None:
    """(height, width) that the regions were drawn on."""
    sizes = {region.size for region in task.regions or ()}
    if len(sizes) > 1:
        raise InputError(f"{task.where}: regions are of images of unlike sizes, {sorted(sizes, key=str)[:2]}.")
    height, width = sizes.pop() if sizes else (None, None)
    return None if height is None and width is None else checked_size(height, width, task.where)


FORMAT = Format(
    name="label-studio",
    signs="JSON or JSON-MIN of Label Studio",
    recognize=_recognize,
    read=_read,
    images_elsewhere=True,
    unusable=_unusable,
)
