"""A clean copy of a data folder."""

import functools
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from keras_seg import _files
from keras_seg._decoding.orientation import IGNORE, upright
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.copies import copies_of_images
from keras_seg.data.diagnosis.examine import Examined
from keras_seg.data.diagnosis.finding import one_line
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.folder_index import FolderIndex, scan_folder
from keras_seg.data.index.instance_index import scan_instances
from keras_seg.data.index.label_names import names_given
from keras_seg.data.index.thread_map import thread_count, thread_map
from keras_seg.visualization import palette

_LOG = "repairs.json"
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


class _Task(NamedTuple):
    """A pair to copy, its place in an index, and the stem of its files in the copy."""

    found: Examined
    index: DataIndex
    row: int
    stem: str
    split: str | None


def repaired_copy(collected: Collected, out: pathlib.Path) -> dict[str, Any]:
    """Write the copy to `out`, completely or not at all, and return the log that it holds."""
    if any(part.examples and not part.error for part in collected.parts):
        raise InputError(
            f"{collected.folder}: has a mask per class, and such a folder is not repaired. Correct the files that the "
            "findings name."
        )
    _check_place(collected, out)
    out = out.resolve()
    skipped = list(_not_copied(collected))
    tasks = list(_tasks(collected, skipped))
    if not tasks:
        reason = next(iter([*collected.refused.values(), *(part.error for part in collected.parts)]), "")
        raise InputError(
            f"{collected.folder}: no pair of image and mask can be repaired. {one_line(reason) or 'See the errors.'}"
        )
    with _files.written_aside(out, overwrite=True) as aside:
        for split in {task.split for task in tasks}:
            for kind in ("images", "masks"):
                _folder(aside, split, kind).mkdir(parents=True)
        entries = []
        for done in thread_map(lambda task: _copy(collected, task, aside), tasks, workers=thread_count(None)):
            entries += done
        _write_labels(tasks[0].index, aside)
        copied = {entry["file"] for entry in entries if entry["action"] == "mask written as ids"}
        if not copied:
            raise InputError(f"{collected.folder}: the files have changed since they were examined. Begin again.")
        log = {
            "source": collected.folder,
            "pairs": len(copied),
            "not_copied": skipped + [entry for entry in entries if entry["action"] == "not copied"],
            "done": [entry for entry in entries if entry["action"] != "not copied"],
        }
        _files.write_json(aside / _LOG, log)
        _check_copy(collected, aside)
    return log


def _check_place(collected: Collected, out: pathlib.Path) -> None:
    inner = out.resolve()
    for source in collected.path if isinstance(collected.path, (tuple, list)) else [collected.path]:
        outer = pathlib.Path(source).resolve()
        if inner == outer or outer in inner.parents or inner in outer.parents:
            raise InputError(f"{out}: the copy must lie outside of the data folder {source}. Choose another place.")
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty. Choose a new folder for the copy.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file. Choose a new folder for the copy.")


def _folder(root: pathlib.Path, split: str | None, kind: str) -> pathlib.Path:
    return root / kind if split is None else root / split / kind


def _entry(file: str, action: str, detail: str) -> dict[str, str]:
    return {"file": file, "action": action, "detail": one_line(detail)}


def _not_copied(collected: Collected) -> Iterator[dict[str, str]]:
    """Files that are in no pair, or in an unreadable one."""
    for part in collected.parts:
        if part.error:
            yield _entry(part.split or collected.folder, "not copied", part.error)
        for files, reason in (
            (part.lone_images, "no mask"),
            (part.lone_masks, "no image"),
            (part.others, "not an image"),
        ):
            yield from (_entry(collected.name(file), "not copied", reason) for file in files)
    for found in collected.examined:
        if found.files.image is None or found.files.mask is None or found.files.classes:
            continue
        if reason := _obstacle(collected, found):
            yield from (_entry(collected.name(file), "not copied", reason) for file in found.files[1:3])


def _obstacle(collected: Collected, found: Examined) -> str:
    """Why a pair cannot be repaired; "" if it can."""
    if not found.readable:
        return found.image_error or found.mask_error
    if collected.difference(found) == "other":
        return "the mask has another aspect ratio than the image"
    if fault := collected.fault(found):
        return f"the mask {fault}"
    return collected.refused.get(collected.split(found), "")


def _tasks(collected: Collected, skipped: list[dict[str, str]]) -> Iterator[_Task]:
    """The pairs to copy, under unique names; copies in other splits are added to `skipped`."""
    usable = [
        (found, index, row, part.split)
        for part, rows in zip(collected.parts, collected.usable, strict=True)
        if not part.examples and (index := collected.indices.get(part.split)) is not None
        for row, found in enumerate(rows)
    ]
    same: dict[int, str] = {}
    hashes = [(found, split, found.image.hashes) for found, _, _, split in usable if found.image and found.image.hashes]
    for first, *others in copies_of_images(hashes):
        for other in others:
            if collected.split(other) != collected.split(first):
                same[id(other)] = f"the same image as {collected.name(first.files.image)}"
    used: set[tuple[str | None, str]] = set()
    for found, index, row, split in usable:
        if id(found) in same:
            skipped += [_entry(collected.name(file), "not copied", same[id(found)]) for file in found.files[1:3]]
            continue
        stem = start = pathlib.Path(collected.name(found.files.image)).stem
        number = 1
        while (split, stem.lower()) in used:  # Images of several folders, or on disks that ignore case.
            number += 1
            stem = f"{start}-{number}"
        used.add((split, stem.lower()))
        yield _Task(found, index, row, stem, split)


def _copy(collected: Collected, task: _Task, aside: pathlib.Path) -> list[dict[str, str]]:
    """Write one pair; the entries of the log."""
    image, mask = task.index.pairs[task.row]
    entries, details = [], []
    images = _folder(aside, task.split, "images")
    facts = task.found.image
    if facts is None:
        raise ValueError("Only readable pairs are copied.")
    try:
        ids = task.index.read_labels(task.row)
        if task.index.exif_orientation == IGNORE or collected.difference(task.found) == "turned":
            ids = upright(ids, facts.file.orientation)
            details += ["turned like its image"] * (facts.file.orientation != 1)
        ids = _storable(ids, task.index, details)
        picture = Image.fromarray(ids)
        height, width = facts.file.turned_size
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.NEAREST)
            details.append(f"resized to {height}x{width} with nearest neighbor")
        if facts.file.orientation != 1:
            _write_turned(image, images / f"{task.stem}.png")
            entries.append(_entry(collected.name(image), "image turned", "EXIF orientation applied, saved as PNG"))
        else:
            name = image.name if task.stem == image.stem else task.stem + image.suffix
            shutil.copyfile(image, images / name)
            if name != image.name:
                entries.append(_entry(collected.name(image), "image renamed", name))
    except (InputError, OSError) as error:
        return [_entry(collected.name(name), "not copied", str(error)) for name in (image, mask)]
    _write_ids(np.array(picture), _folder(aside, task.split, "masks") / f"{task.stem}.png")
    how = _reading_of(task)
    return [*entries, _entry(collected.name(mask), "mask written as ids", ", ".join([*how, *details]))]


def _reading_of(task: _Task) -> list[str]:
    """What turned the values of the file into ids."""
    if isinstance(task.index, FolderIndex):
        encoding = task.index.encoding
        steps = {
            "colors to ids": bool(task.index.colors),
            "split at 128 into 0 and 1": encoding.threshold is not None,
            "read by its own scale": bool(task.index.value_maps and task.index.value_maps[task.row]),
            "label_map applied": bool(encoding.label_map),
        }
        return [step for step, taken in steps.items() if taken]
    return ["objects numbered; where they overlap, the smaller one is on top"]


def _storable(ids: np.ndarray, index: DataIndex, details: list[str]) -> np.ndarray:
    """The ids as int32, with ignored labels below 0 as `_void` says."""
    for label in index.ignore_class:
        if label < 0 and (ids == label).any():
            ids = np.where(ids == label, _void(index), ids)
            details.append(f"ignored pixels stored as {_void(index)}")
    return ids.astype(np.int32)


def _void(index: DataIndex) -> int:
    """The label of ignored pixels in the copy, where the one of the data cannot be stored."""
    return 255 if getattr(index, "num_classes", 1 << 16) <= 255 else 65535


def _write_turned(source: pathlib.Path, target: pathlib.Path) -> None:
    with Image.open(source) as image:
        image.load()
        turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I"):  # 16 bits, in one of Pillow's modes for them.
        turned = Image.fromarray(np.array(turned).astype(np.uint16))
    (turned if turned.mode in _PNG_MODES else turned.convert("RGB")).save(target)


def _write_ids(ids: np.ndarray, target: pathlib.Path) -> None:
    if ids.max(initial=0) > 255:
        Image.fromarray(ids.astype(np.uint16)).save(target)
        return
    picture = Image.fromarray(ids.astype(np.uint8))
    picture.putpalette(_viewer_colors())
    picture.save(target)


@functools.cache
def _viewer_colors() -> bytes:
    return palette(255).tobytes() + bytes(3)


def _write_labels(index: DataIndex, aside: pathlib.Path) -> None:
    """The label file of the copy, in which masks hold ids; objects have no names."""
    if isinstance(index, FolderIndex):
        names = index.class_names
        if len(names) == 2 and not names_given(index.encoding):
            names = ("background", "foreground")
        content: dict[str, Any] = {"names": list(names)}
        ignored = [label if label >= 0 else _void(index) for label in index.ignore_class]
        if ignored:
            content["ignore_class"] = ignored[0] if len(ignored) == 1 else ignored
        _files.write_json(aside / "labels.json", content)


def _check_copy(collected: Collected, aside: pathlib.Path) -> None:
    """Scan the copy as training does: one that training refuses is not kept."""
    objects = any(part.objects for part in collected.parts)
    for part in collected.parts:
        if part.split is None or (aside / part.split).is_dir():
            try:
                scan = scan_instances if objects else scan_folder
                scan(aside, split=part.split, channels=collected.channels, check_images=False)
            except InputError as error:
                reason = one_line(str(error).replace(str(aside) + os.sep, "").replace(str(aside), "the copy"))
                raise InputError(
                    f"{collected.folder}: cannot be repaired. Training would refuse the copy: {reason}"
                ) from error
