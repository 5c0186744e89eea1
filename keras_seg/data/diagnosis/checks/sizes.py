"""Masks of another size than their image."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, some
from keras_seg.data.diagnosis.mask_size import size_difference


def unlike_sizes(collected: Collected) -> Iterator[Finding]:
    """Masks whose size differs from their image's, by the way in which it differs."""
    groups: dict[str, list] = {}
    for facts in collected.pairs:
        difference = size_difference(facts)
        if difference != "same":
            groups.setdefault(difference, []).append(facts)
    for difference, group in sorted(groups.items()):
        first = group[0]
        (h, w), (y, x) = first.mask_look.size, first.image_look.size
        explained = {
            "scaled": ("is the image's in another resolution", "Resize these masks with nearest neighbor."),
            "turned": (
                "is the image's before its EXIF orientation",
                "Turn these masks as the EXIF orientation of their images says.",
            ),
            "other": (
                "has another aspect ratio than the image's",
                "Check that each mask belongs to its image; export these masks again in the image's size.",
            ),
        }[difference]
        yield Finding(
            severity="error",
            code=f"size-{difference}",
            message=f"The size of {files(len(group), 'mask')} {explained[0]}; the first: mask {h}x{w}, image {y}x{x} "
            "(height x width).",
            count=len(group),
            examples=some(collected.name(facts.mask) for facts in group),
            fix=explained[1],
            repairable=difference != "other",
        )
