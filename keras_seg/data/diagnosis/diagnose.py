"""Everything that is wrong with a data folder, in one pass."""

import pathlib
from collections import Counter
from typing import Any

from keras_seg import _validation
from keras_seg._progress import check_progress, progress_report
from keras_seg._types import PathLike, Progress
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.checks import CHECKS
from keras_seg.data.diagnosis.checks.classes import class_totals
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.diagnosis import Diagnosis
from keras_seg.data.diagnosis.examine import examine
from keras_seg.data.diagnosis.finding import SEVERITIES, Finding
from keras_seg.data.diagnosis.folder_listing import Listing, list_folder
from keras_seg.data.diagnosis.pair_facts import PairFacts
from keras_seg.data.index.folder_index import scan_folder
from keras_seg.data.index.label_file import LabelFile, read_label_file
from keras_seg.data.index.label_tools import conversion_error, refuse_data_set
from keras_seg.data.index.thread_map import thread_count, thread_map


def diagnose(path: PathLike, *, channels: int = 3, workers: int | None = None, progress: Progress = None) -> Diagnosis:
    """Find everything that is wrong with a data folder, instead of stopping at the first problem.

    Each file is decoded once, in threads, and only small facts are kept about it. Folders without an error are then
    read by `scan_folder` too, so that a folder without errors is one that training can read. The masks are those of
    semantic segmentation: one class per pixel.

    Args:
        path: path. The data folder; see `find_pairs` for the layouts.
        channels: int. Channels to read the images with. Defaults to 3.
        workers: int. Threads. Defaults to None, for the number of cores.
        progress: True for a bar, a function called with (done, total), or None. Defaults to None.

    Returns:
        A `Diagnosis`.

    Raises:
        InputError: The folder does not exist, or an argument is out of range.

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
    root = pathlib.Path(path)
    refuse_data_set(root, task="semantic", settings=())
    listings = list_folder(root)
    if not any(listing.pairs or listing.has_objects for listing in listings) and (error := conversion_error(root)):
        raise error
    labels, label_error = _labels(root, listings)
    painted = labels.colors is not None

    def look(file: tuple[str | None, pathlib.Path | None, pathlib.Path | None]) -> PairFacts:
        split, image, mask = file
        return examine(image, mask, split=split, channels=channels, painted=painted)

    files = [file for listing in listings for file in _files(listing)]
    facts = []
    with progress_report(progress, total=len(files), unit="images") as report:
        for done, found in enumerate(thread_map(look, files, workers=workers), 1):
            facts.append(found)
            report(done)
    collected = Collected(root, tuple(listings), tuple(facts), labels, label_error)
    # A tool's files tell what its colors mean.
    if collected.painted and labels.path is None and (error := conversion_error(root)):
        raise error
    findings = _run_checks(collected)
    if not any(finding.severity == "error" for finding in findings):
        collected.scan_errors.update(_scan_errors(root, listings, channels=channels, workers=workers))
        findings = _run_checks(collected) if collected.scan_errors else findings
    return Diagnosis(
        path=str(path),
        splits=tuple(listing.split for listing in listings if listing.split is not None),
        facts=_facts(collected),
        findings=tuple(findings),
        _collected=collected,
    )


def _files(listing: Listing):
    yield from ((listing.split, pair.image, pair.mask) for pair in listing.pairs)
    yield from ((listing.split, file, None) for file in (*listing.lone_images, *listing.loose))
    yield from ((listing.split, None, file) for file in listing.lone_masks)


def _labels(root: pathlib.Path, listings: list[Listing]) -> tuple[LabelFile, str]:
    try:
        return read_label_file(root, listings[0].split), ""
    except (InputError, UnicodeDecodeError) as error:
        return LabelFile(), str(error)


def _run_checks(collected: Collected) -> list[Finding]:
    found = [finding for check in CHECKS for finding in check(collected)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _scan_errors(root: pathlib.Path, listings: list[Listing], *, channels: int, workers: int) -> dict[str | None, str]:
    """The refusals of `scan_folder`. Val and test are read as train is, like in training."""
    errors, encoding = {}, None
    for listing in listings:
        try:
            index = scan_folder(
                root, split=listing.split, channels=channels, workers=workers, check_images=False, encoding=encoding
            )
            encoding = index.encoding
        except InputError as error:
            errors[listing.split] = str(error)
    return errors


def _facts(collected: Collected) -> dict[str, Any]:
    sizes = Counter(look.size for look in (f.image_look for f in collected.pairs) if look is not None)
    total: Counter[int] = Counter()
    for counts in class_totals(collected).values():
        total.update(counts)
    pixels = max(1, sum(total.values()))
    facts: dict[str, Any] = {
        "pairs": {listing.split or "all": len(listing.pairs) for listing in collected.listings},
        "sizes": {f"{height}x{width}": count for (height, width), count in sizes.most_common(5)},
        "different_sizes": len(sizes),
        "masks": {kind: len(group) for kind, group in collected.kinds.items()},
        # Not one per value, where values are no classes.
        "classes": {collected.class_name(id_): total[id_] / pixels for id_ in collected.classes[:256]},
    }
    if collected.painted and collected.labels.colors is None and collected.palette is not None:
        facts["proposed_labels"] = {"colors": [list(color) for color in collected.palette]}
    return facts
