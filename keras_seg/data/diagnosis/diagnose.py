"""Everything that is wrong with a data folder, in one pass."""

import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._progress import check_progress, progress_report
from keras_seg._types import PathLike, Progress
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.checks import FILE_CHECKS, IMAGE_CHECKS, INDEX_CHECKS
from keras_seg.data.diagnosis.checks.copies import HashedImages, images_of_files, images_of_indices
from keras_seg.data.diagnosis.checks.indices import Indices, with_classes
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.diagnosis import Diagnosis
from keras_seg.data.diagnosis.examine import Examined, Files, examine
from keras_seg.data.diagnosis.finding import SEVERITIES, Finding
from keras_seg.data.diagnosis.parts import Part, list_parts
from keras_seg.data.index.label_file import LabelFile, read_label_file
from keras_seg.data.index.label_tools import conversion_error, refuse_data_set
from keras_seg.data.index.pairs import ListedPairs
from keras_seg.data.index.thread_map import thread_count, thread_map

TASKS = ("semantic", "instances", "multilabel")


def diagnose(
    path: PathLike | ListedPairs,
    *,
    channels: int = 3,
    task: str | None = None,
    workers: int | None = None,
    progress: Progress = None,
) -> Diagnosis:
    """Find everything that is wrong with a data folder, instead of stopping at the first problem.

    Each file is decoded once, in threads, and only small facts are kept about it. How the masks are read follows from
    these facts by the rules of `scan_folder` and `scan_instances`: a folder without errors is one that training reads.

    Args:
        path: path, or pair of paths. The data folder, or two folders or text files; see `find_pairs` for the layouts.
        channels: int. Channels to read the images with. Defaults to 3.
        task: str. "semantic" for masks of classes, "instances" for masks of objects, "multilabel" for a mask per class.
            Defaults to None: objects if every image has a folder of masks, otherwise classes. If images have several
            masks, which is an error then, each of these is examined too.
        workers: int. Threads. Defaults to None, for the number of cores.
        progress: True for a bar, a function called with (done, total), or None. Defaults to None.

    Returns:
        A `Diagnosis`.

    Raises:
        InputError: The folder does not exist, or an argument is out of range.
        ImportError: SciPy is missing, for masks of objects: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=4, val=4, image_size=(48, 64))
        ...     next((path / "val" / "masks").iterdir()).unlink()
        ...     diagnosis = diagnose(path)
        >>> diagnosis.status, diagnosis.findings[0].code
        (2, 'image-without-mask')
    """
    channels, workers = _validation.integer("channels", channels), thread_count(workers)
    check_progress(progress)
    if task is not None:
        _validation.one_of("task", task, TASKS)
    if task != "multilabel":
        refuse_data_set(path, task=task or "semantic", settings=())
    parts = list_parts(path, task)
    if not any(part.pairs or part.several or part.examples for part in parts):
        _refuse_label_tool(path, task)
    label_files, label_errors = _label_files(path, parts)

    def look(files: Files) -> Examined:
        objects = parts[files.part].objects
        painted = (label_files[files.part].colors or label_files[0].colors) is not None
        per_class = task == "multilabel"
        return examine(files, channels=channels, objects=objects, painted=painted, per_class=per_class)

    wanted = [files for position, part in enumerate(parts) for files in _files(position, part)]
    examined = []
    with progress_report(progress, total=len(wanted), unit="images") as report:
        for done, found in enumerate(thread_map(look, wanted, workers=workers), 1):
            examined.append(found)
            report(done)
    collected = Collected(path, parts, examined, label_files, channels, label_errors)
    if collected.painted and collected.labels.path is None:
        _refuse_label_tool(path, task)  # A tool's files tell what its colors mean.
    findings = [finding for check in FILE_CHECKS for finding in check(collected)]
    findings += _index_findings(collected.indices, images_of_files(collected))
    return Diagnosis(
        path=collected.folder,
        splits=tuple(part.split for part in parts if part.split is not None),
        facts=_facts(collected),
        findings=_sorted(findings),
        _collected=collected,
    )


def index_findings(indices: Indices) -> tuple[Finding, ...]:
    """What is wrong as far as the indices of a scan tell, by split: nothing is read again.

    Args:
        indices: dict from the name of the split, or None, to `FolderIndex` or `InstanceIndex`.
    """
    return _sorted(list(_index_findings(indices, images_of_indices(indices))))


def _index_findings(indices: Indices, images: HashedImages) -> Iterator[Finding]:
    for of_index in INDEX_CHECKS:
        yield from of_index(indices)
    for of_images in IMAGE_CHECKS:
        yield from of_images(images)


def _refuse_label_tool(path: PathLike | ListedPairs, task: str | None) -> None:
    if not isinstance(path, (tuple, list)) and (error := conversion_error(pathlib.Path(path), task=task or "semantic")):
        raise error


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def _files(position: int, part: Part) -> Iterator[Files]:
    yield from (Files(position, *pair) for pair in part.pairs)
    yield from (Files(position, item.image, item.mask, item.files) for item in part.examples)
    yield from (Files(position, file, None) for file in (*part.lone_images, *part.loose))
    yield from (Files(position, None, file) for file in part.lone_masks)


def _label_files(path: PathLike | ListedPairs, parts: list[Part]) -> tuple[list[LabelFile], list[str]]:
    """The label file of each part, and why some cannot be read."""
    label_files, errors = [], []
    for part in parts:
        try:
            label_files.append(read_label_file(path, part.split))
        except (InputError, UnicodeDecodeError) as error:
            label_files.append(LabelFile())
            errors.append(str(error))
    return label_files, list(dict.fromkeys(errors))  # Several splits may share a file.


def _facts(collected: Collected) -> dict[str, Any]:
    sizes = Counter(size for index in collected.indices.values() for size in index.sizes)
    kinds = Counter("colors" if item.colors is not None else facts.kind for item, facts in collected.class_masks)
    facts: dict[str, Any] = {
        "pairs": {part.split or "all": len(part.pairs or part.examples) for part in collected.parts},
        "sizes": {f"{height}x{width}": count for (height, width), count in sizes.most_common(5)},
        "different_sizes": len(sizes),
        "masks": dict(kinds),
    }
    held = [index for _, index in with_classes(collected.indices)]
    if held:
        total = np.sum([index.pixel_counts.sum(axis=0) for index in held], axis=0)
        shares = (total / max(1, total.sum())).tolist()
        # Not one per value, where values are no classes.
        facts["classes"] = dict(zip(held[0].class_names[:256], shares, strict=False))
    else:
        objects = [int(getattr(index, "object_counts", np.zeros(1)).sum()) for index in collected.indices.values()]
        facts |= {"classes": {}, "objects": sum(objects)}
    named = any(map(collected.named_without_colors, range(len(collected.parts))))
    if collected.painted and collected.labels.colors is None and collected.palette is not None and not named:
        facts["proposed_labels"] = {"colors": [list(color) for color in collected.palette]}
    return facts
