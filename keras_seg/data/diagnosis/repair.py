"""A clean copy of a data folder."""

import dataclasses
import functools
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.copies import copies_of_images
from keras_seg.data.diagnosis.finding import one_line
from keras_seg.data.diagnosis.mask_ids import mask_ids
from keras_seg.data.diagnosis.mask_size import size_difference
from keras_seg.data.diagnosis.pair_facts import MaskLook, PairFacts
from keras_seg.data.diagnosis.stray_labels import stray_labels
from keras_seg.data.index.folder_index import scan_folder
from keras_seg.data.index.thread_map import thread_count, thread_map
from keras_seg.visualization import palette

_LOG = "repairs.json"
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
# What `ImageOps.exif_transpose` does for each EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclasses.dataclass(frozen=True)
class _Task:
    facts: PairFacts
    stem: str


def repaired_copy(collected: Collected, out: pathlib.Path) -> dict[str, Any]:
    """Write the copy to `out`, completely or not at all, and return the log that it holds."""
    _check_place(collected.path, out)
    out = out.resolve()
    skipped = list(_not_copied(collected))
    tasks = list(_tasks(collected, skipped))
    if not tasks:
        raise InputError(f"{collected.path}: no pair of image and mask can be repaired. Fix the errors by hand.")
    with _files.written_aside(out, overwrite=True) as aside:
        for split in {task.facts.split for task in tasks}:
            for kind in ("images", "masks"):
                _folder(aside, split, kind).mkdir(parents=True)
        entries = []
        for done in thread_map(lambda task: _copy(collected, task, aside), tasks, workers=thread_count(None)):
            entries += done
        if (labels := _label_content(collected)) is not None:
            _files.write_json(aside / "labels.json", labels)
        copied = {entry["file"] for entry in entries if entry["action"] == "mask written as ids"}
        if not copied:
            raise InputError(f"{collected.path}: the files have changed since they were examined. Begin again.")
        log = {
            "source": str(collected.path),
            "pairs": len(copied),
            "not_copied": skipped + [entry for entry in entries if entry["action"] == "not copied"],
            "done": [entry for entry in entries if entry["action"] != "not copied"],
            "remaining": _remaining(collected, aside),
        }
        _files.write_json(aside / _LOG, log)
    return log


def _check_place(source: pathlib.Path, out: pathlib.Path) -> None:
    inner, outer = out.resolve(), source.resolve()
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
    for listing in collected.listings:
        if listing.error:
            yield _entry(listing.split or str(collected.path), "not copied", listing.error)
        for files, reason in (
            (listing.lone_images, "no mask"),
            (listing.lone_masks, "no image"),
            (listing.others, "not an image"),
        ):
            yield from (_entry(collected.name(file), "not copied", reason) for file in files)
    for facts in collected.facts:
        if facts.image is not None and facts.mask is not None and not facts.readable:
            reason = facts.image_error or facts.mask_error
            yield from (_entry(collected.name(file), "not copied", reason) for file in (facts.image, facts.mask))


def _tasks(collected: Collected, skipped: list[dict[str, str]]) -> Iterator[_Task]:
    """The pairs to copy, under unique names; the others are added to `skipped`."""
    reasons = {id(facts): reason for facts in collected.pairs if (reason := _obstacle(collected, facts))}
    usable = [facts for facts in collected.pairs if id(facts) not in reasons]
    for first, *others in copies_of_images(usable):
        for other in others:
            if other.split != first.split:
                reasons[id(other)] = f"the same image as {collected.name(first.image)}"
    used: set[tuple[str | None, str]] = set()
    for facts in collected.pairs:
        if id(facts) in reasons:
            for file in (facts.image, facts.mask):
                skipped.append(_entry(collected.name(file), "not copied", reasons[id(facts)]))
            continue
        stem = start = pathlib.Path(collected.name(facts.image)).stem
        number = 1
        while (facts.split, stem.lower()) in used:  # Images of several folders, or on disks that ignore case.
            number += 1
            stem = f"{start}-{number}"
        used.add((facts.split, stem.lower()))
        yield _Task(facts, stem)


def _obstacle(collected: Collected, facts: PairFacts) -> str:
    """Why a pair cannot be repaired; "" if it can."""
    look = facts.mask_look
    if look is None:
        return "the mask cannot be read"
    if size_difference(facts) == "other":
        return "the mask has another aspect ratio than the image"
    if not collected.black_and_white and collected.is_lossy(look):
        return "the labels of the mask were changed by JPEG or smoothing"
    if collected.painted:
        return _color_obstacle(collected, look)
    if look.many or stray_labels(collected, look):
        return "the mask holds labels that are no class"
    if any(id_ < 0 for id_ in collected.ignored):
        return "labels below 0 cannot be stored in a PNG"
    return ""


def _color_obstacle(collected: Collected, look: MaskLook) -> str:
    if look.colors is None:
        return "the mask holds ids, while others are painted in colors"
    if look.many or collected.palette is None or set(look.colors) - set(collected.palette):
        return "the mask holds colors without an id"
    return ""


def _copy(collected: Collected, task: _Task, aside: pathlib.Path) -> list[dict[str, str]]:
    """Write one pair; the entries of the log."""
    facts = task.facts
    if facts.image is None or facts.mask is None or facts.image_look is None:
        raise ValueError("Only pairs are copied.")
    image_name, mask_name = collected.name(facts.image), collected.name(facts.mask)
    entries, details = [], []
    images = _folder(aside, facts.split, "images")
    try:
        ids = mask_ids(collected, facts)
        picture = Image.fromarray(ids)
        difference = size_difference(facts)
        if difference == "turned":
            picture = picture.transpose(_TURNS[facts.image_look.orientation])
            details.append("turned like its image")
        elif difference == "scaled":
            height, width = facts.image_look.size
            picture = picture.resize((width, height), Image.Resampling.NEAREST)
            details.append(f"resized to {height}x{width} with nearest neighbor")
        if facts.image_look.orientation in _TURNS:
            _write_turned(facts.image, images / f"{task.stem}.png")
            entries.append(_entry(image_name, "image turned", "EXIF orientation applied, saved as PNG"))
        else:
            name = facts.image.name if task.stem == facts.image.stem else task.stem + facts.image.suffix
            shutil.copyfile(facts.image, images / name)
            if name != facts.image.name:
                entries.append(_entry(image_name, "image renamed", name))
    except (InputError, OSError) as error:
        return [_entry(name, "not copied", str(error)) for name in (image_name, mask_name)]
    kind = collected.kind(facts.mask_look) if facts.mask_look is not None else "ids"
    if collected.painted:
        details.insert(0, "colors to ids")
    elif collected.black_and_white:
        details.insert(0, {"0 and 1": "0 and 1 kept"}.get(kind, "split at 128 into 0 and 1"))
    elif collected.labels.label_map:
        details.insert(0, "label_map applied")
    _write_ids(np.array(picture), _folder(aside, facts.split, "masks") / f"{task.stem}.png")
    return [*entries, _entry(mask_name, "mask written as ids", ", ".join(details))]


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


def _label_content(collected: Collected) -> dict[str, Any] | None:
    """The label file of the copy, in which masks hold ids; None if there is nothing to say."""
    labels, classes = collected.labels, collected.classes
    content: dict[str, Any] = {}
    if labels.names is not None:
        content["names"] = list(labels.names)
    elif collected.black_and_white:
        content["names"] = ["background", "foreground"]
    # Ids with gaps may be gray levels, so that only a person can name them.
    elif len(classes) >= 2 and classes == list(range(len(classes))):
        content["names"] = [collected.class_name(id_) for id_ in classes]
    if collected.ignored:
        content["ignore_class"] = collected.ignored[0] if len(collected.ignored) == 1 else list(collected.ignored)
    return content or None


def _remaining(collected: Collected, aside: pathlib.Path) -> list[str]:
    """Why `scan_folder` refuses the copy: [] if it does not."""
    found = []
    for split in dict.fromkeys(listing.split for listing in collected.listings):
        if split is not None and not (aside / split).is_dir():
            continue
        channels = next((look.channels for f in collected.pairs if (look := f.image_look) is not None), 3)
        try:
            scan_folder(aside, split=split, channels=channels, check_images=False)
        except InputError as error:
            found.append(one_line(str(error).replace(str(aside) + os.sep, "").replace(str(aside), "The copy")))
    return found
