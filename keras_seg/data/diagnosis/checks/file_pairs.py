"""Files without a partner, and files that are not read."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, listed, one_line, some


def unpaired_folders(collected: Collected) -> Iterator[Finding]:
    """Folders whose layout cannot be read, and label files that cannot be."""
    for listing in collected.listings:
        if listing.error:
            yield Finding(
                severity="error",
                code="no-pairs",
                message=one_line(listing.error),
                fix="Train with the task instances: each mask is of one object. Such masks are not examined here."
                if listing.has_objects
                else "Arrange the files as docs/data.md shows: images/ and masks/ with the same file names.",
            )
    if collected.label_error:
        yield Finding(
            severity="error",
            code="label-file",
            message=one_line(collected.label_error),
            fix="Correct this file, or remove it.",
        )


def lone_files(collected: Collected) -> Iterator[Finding]:
    """Images without masks, and masks without images."""
    for kind, partner, attribute in (("image", "mask", "lone_images"), ("mask", "image", "lone_masks")):
        lone = [file for listing in collected.listings for file in getattr(listing, attribute)]
        if lone:
            yield Finding(
                severity="error",
                code=f"{kind}-without-{partner}",
                message=f"{files(len(lone), kind)} without {partner}.",
                count=len(lone),
                examples=some(collected.name(file) for file in lone),
                fix=f"Add the missing {partner}s, or move these files out of the folder.",
                repairable=True,
            )


def other_files(collected: Collected) -> Iterator[Finding]:
    """Files of other types beside the images."""
    others = [file for listing in collected.listings for file in listing.others]
    if others:
        types = sorted({file.suffix.lower() or "no extension" for file in others})
        yield Finding(
            severity="note",
            code="other-files",
            message=f"{files(len(others), 'file')} of other types ({one_line(listed(types))}) are not read.",
            count=len(others),
            examples=some(collected.name(file) for file in others),
            fix="Convert them to PNG if they are images or masks.",
            repairable=True,
        )
