"""A clean copy of a data folder."""

import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from keras_seg import _files
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.held_file import opened
from keras_seg._decoding.pillow_file import identify
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.collected import Collected, image_of
from keras_seg.data.diagnosis.copies import copies_of_images
from keras_seg.data.diagnosis.examine import Examined
from keras_seg.data.diagnosis.finding import one_line
from keras_seg.data.diagnosis.repaired_masks import repaired_masks, void_label
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.folder_index import FolderIndex, scan_folder
from keras_seg.data.index.instance_index import scan_instances
from keras_seg.data.index.label_names import names_given
from keras_seg.data.index.multilabel_index import MultiLabelIndex, scan_multilabel
from keras_seg.data.index.reading import read_image
from keras_seg.data.index.thread_map import thread_count, thread_map

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
    _check_place(collected, out)
    _check_colors(collected)
    out = out.resolve()
    skipped = list(_not_copied(collected))
    tasks = list(_tasks(collected, skipped))
    if not tasks:
        reasons = [*collected.refused.values(), *(part.error for part in collected.parts), collected.exif[1]]
        reason = next(filter(None, reasons), "")
        raise InputError(
            f"{collected.folder}: no pair of image and mask can be repaired. {one_line(reason) or 'See the errors.'}"
        )
    with _files.written_aside(out, overwrite=True) as aside:
        for split in {task.split for task in tasks}:
            for kind in ("images", "masks"):
                _folder(aside, split, kind).mkdir(parents=True)
        entries, copied = [], 0
        for done in thread_map(lambda task: _copy(collected, task, aside), tasks, workers=thread_count(None)):
            entries += done
            copied += all(entry["action"] != "not copied" for entry in done)
        _write_labels(collected, tasks[0].index, aside)
        if not copied:
            raise InputError(f"{collected.folder}: the files have changed since they were examined. Begin again.")
        log = {
            "source": collected.folder,
            "pairs": copied,
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


def _check_colors(collected: Collected) -> None:
    """Refuse colors without ids beside classes that have them: a class would get the pixels of another."""
    for number, labels in enumerate(collected.read_by):
        if collected.named_without_colors(number):
            raise InputError(
                f"{collected.folder}: the masks are painted in colors, and the label file does not say which color "
                f'each of its {len(labels.names or labels.label_map or ())} classes has. Write "colors" into '
                "labels.json: the color of each class, in the order of the names."
            )


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
        if len(found.files.all) < 2 or collected.parts[found.files.part].error:
            continue
        if reason := _obstacle(collected, found):
            yield from (_entry(collected.name(file), "not copied", reason) for file in found.files.all)


def _obstacle(collected: Collected, found: Examined) -> str:
    """Why a pair cannot be repaired; "" if it can."""
    if found.further:
        return found.further[0][1]
    if not found.readable:
        return found.image_error or found.mask_error
    if collected.difference(found) == "other":
        return "the mask has another aspect ratio than the image"
    if collected.turn_is_unclear(found):
        return (
            "sizes do not tell whether the mask fits the image as viewers show it or its stored pixels: write "
            '"exif_orientation" into labels.json'
        )
    if fault := collected.fault(found):
        return f"the mask {fault}"
    return collected.refused.get(collected.split(found), "")


def _tasks(collected: Collected, skipped: list[dict[str, str]]) -> Iterator[_Task]:
    """The pairs to copy, under unique names; copies in other splits are added to `skipped`."""
    usable = [
        (found, index, row, part.split)
        for part, rows in zip(collected.parts, collected.usable, strict=True)
        if not (part.examples and part.error) and (index := collected.indices.get(part.split)) is not None
        for row, found in enumerate(rows)
        if not collected.turn_is_unclear(found)
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
            skipped += [_entry(collected.name(file), "not copied", same[id(found)]) for file in found.files.all]
            continue
        stem = start = pathlib.Path(collected.name(found.files.image)).stem
        number = 1
        while (split, stem.lower()) in used:  # Images of several folders, or on disks that ignore case.
            number += 1
            stem = f"{start}-{number}"
        used.add((split, stem.lower()))
        yield _Task(found, index, row, stem, split)


def _copy(collected: Collected, task: _Task, aside: pathlib.Path) -> list[dict[str, str]]:
    """Write an image and its masks; the entries of the log."""
    found, image = task.found, task.index.pairs[task.row].image
    entries = []
    images, masks = (_folder(aside, task.split, kind) for kind in ("images", "masks"))
    try:
        repaired = repaired_masks(collected, found, task.index, row=task.row, stem=task.stem)
        if image_of(found).file.orientation != 1:
            kind = _write_turned(found, images / task.stem, task.index.channels)
            entries.append(_entry(collected.name(image), "image turned", f"EXIF orientation applied, saved as {kind}"))
        else:
            name = image.name if task.stem == image.stem else task.stem + image.suffix
            # A .zarr store is a folder of many files.
            (shutil.copytree if image.is_dir() else shutil.copyfile)(image, images / name)
            if name != image.name:
                entries.append(_entry(collected.name(image), "image renamed", name))
    except (InputError, OSError) as error:
        return [_entry(collected.name(file), "not copied", str(error)) for file in found.files.all]
    for mask in repaired:
        (masks / mask.place).parent.mkdir(parents=True, exist_ok=True)
        mask.picture.save(masks / mask.place)
        entries += [_entry(collected.name(file), action, detail) for file, action, detail in mask.done]
    return entries


def _write_turned(found: Examined, target: pathlib.Path, channels: int) -> str:
    """Write an image as viewers show it, without losing bits; the kind of file that it became."""
    facts = image_of(found)
    if not _fits_png(facts.file):
        np.save(f"{target}.npy", read_image(facts.path, channels=channels))
        return f".npy ({channels} channels, values from 0 to 255 as floats)"
    with opened(facts.path) as stream:
        image = identify(stream)
        image.load()
        turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I"):  # 16 bits, in one of Pillow's modes for them.
        turned = Image.fromarray(np.array(turned).astype(np.uint16))
    (turned if turned.mode in _PNG_MODES else turned.convert("RGB")).save(f"{target}.png")
    return "PNG"


def _fits_png(facts: FileFacts) -> bool:
    """Whether Pillow writes the values as PNG: 8 bits per color, or 16 of gray."""
    if facts.kind not in "ub" or facts.mode.endswith("bands"):
        return False
    return facts.bits <= 8 or (facts.bits == 16 and facts.channels == 1)


def _write_labels(collected: Collected, index: DataIndex, aside: pathlib.Path) -> None:
    """The label file of the copy, in which masks hold ids or show one class; objects have no names."""
    content: dict[str, Any] = {}
    if isinstance(index, FolderIndex):
        names = index.class_names
        if len(names) == 2 and not names_given(index.encoding):
            names = ("background", "foreground")
        content["names"] = list(names)
        ignored = [label if label >= 0 else void_label(index) for label in index.ignore_class]
        if ignored:
            content["ignore_class"] = ignored[0] if len(ignored) == 1 else ignored
    elif isinstance(index, MultiLabelIndex):
        found = {name for each in collected.indices.values() for name in getattr(each, "class_names", ())}
        content["names"] = list(collected.labels.names or sorted(found))
    if content:
        _files.write_json(aside / "labels.json", content)


def _check_copy(collected: Collected, aside: pathlib.Path) -> None:
    """Scan the copy as training does: one that training refuses is not kept."""
    scan: Callable[..., DataIndex] = scan_folder
    if any(part.objects for part in collected.parts):
        scan = scan_instances
    elif any(part.examples and not part.error for part in collected.parts):
        scan = scan_multilabel
    for part in collected.parts:
        if part.split is None or (aside / part.split).is_dir():
            try:
                scan(aside, split=part.split, channels=collected.channels, check_images=False)
            except InputError as error:
                reason = one_line(str(error).replace(str(aside) + os.sep, "").replace(str(aside), "the copy"))
                raise InputError(
                    f"{collected.folder}: cannot be repaired. Training would refuse the copy: {reason}"
                ) from error
