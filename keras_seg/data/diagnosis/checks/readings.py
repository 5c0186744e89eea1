"""What the scan refuses: sizes that differ, and masks that cannot be read in one way."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, found

_SIZES = {
    "scaled": ("is the image's in another resolution", "Resize these masks with nearest neighbor."),
    "turned": ("is the image's before its EXIF orientation", "Turn these masks as their images are turned."),
    "other": (
        "has another aspect ratio than the image's",
        "Check that each mask belongs to its image; export these masks again in the image's size.",
    ),
}


def unlike_sizes(collected: Collected) -> Iterator[Finding]:
    """Masks whose size differs from their image's, by the way in which it differs."""
    groups: dict[str, list] = {}
    for item in collected.pairs:
        groups.setdefault(collected.difference(item), []).append(item)
    for difference, (how, fix) in _SIZES.items():
        group = groups.get(difference)
        if group:
            (h, w), (y, x) = group[0].mask.file.size, group[0].image.file.size
            first = f"the first: mask {h}x{w}, image {y}x{x} (height x width)."
            message = f"The size of {files(len(group), 'mask')} {how}; {first}"
            names = [collected.name(item.files.mask) for item in group]
            code = f"size-{difference}" if difference == "other" else f"size-{difference}*"
            yield found("error", code, names, message, fix=fix)


def refused_readings(collected: Collected) -> Iterator[Finding]:
    """The error that training would stop with, for masks that are fine one by one."""
    labels = {value for item, facts in collected.class_masks if not collected.painted for value in facts.counts}
    if collected.refused and len(labels) == 1:
        names = [collected.name(item.files.mask) for item, _ in collected.class_masks]
        message = f"All {files(len(names), 'mask')} hold the same single label, {labels.pop()}."
        yield found("error", "constant-masks", names, message, fix="Export them again: there is nothing to learn.")
        return
    for line in dict.fromkeys(collected.refused.values()):
        names = [str(split) for split, reason in collected.refused.items() if reason == line and split]
        yield found("error", "not-readable", names or ["all"], line, fix="`keras-seg train` would stop with this line.")
