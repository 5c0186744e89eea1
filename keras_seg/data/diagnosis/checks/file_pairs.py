"""Files without a partner, that cannot be read, and that are not images."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, found, listed

_LAYOUT = "Arrange the files as docs/data.md shows: images/ and masks/ with the same file names."


def unpaired_folders(collected: Collected) -> Iterator[Finding]:
    """Folders whose layout cannot be read, and label files that cannot be."""
    for part in collected.parts:
        if part.several:
            message = " ".join(filter(None, (part.several.what, part.several.objects)))
            yield found("error", "several-masks", [part.split or collected.folder], message, fix=part.several.fix)
        elif part.error:
            yield found("error", "no-pairs", [part.split or collected.folder], part.error, fix=_LAYOUT)
    for error in collected.label_errors:
        file, _, _ = error.partition(": ")
        yield found("error", "label-file", [file], error, fix="Correct this file, or remove it.")


def lone_files(collected: Collected) -> Iterator[Finding]:
    """Images without masks, and masks without images."""
    for kind, partner in (("image", "mask"), ("mask", "image")):
        lone = [collected.name(file) for part in collected.parts for file in getattr(part, f"lone_{kind}s")]
        if lone:
            fix = f"Add the missing {partner}s, or move these files out of the folder."
            message = f"{files(len(lone), kind)} without {partner}."
            yield found("error", f"{kind}-without-{partner}*", lone, message, fix=fix)


def unreadable_files(collected: Collected) -> Iterator[Finding]:
    """Images and masks that cannot be read."""
    for kind, partner in (("image", "mask"), ("mask", "image")):
        errors = [(getattr(f.files, kind), error) for f in collected.examined if (error := getattr(f, f"{kind}_error"))]
        if errors:
            file, reason = errors[0]
            # The fix is said once, for all files.
            why = (
                reason.removeprefix(f"{file}: ").removeprefix(f"the {kind} cannot be read ").partition(" Replace it")[0]
            )
            message = f"{files(len(errors), kind)} cannot be read. The first: {why}"
            names = [collected.name(file) for file, _ in errors]
            fix = f"Replace these files, or remove each together with its {partner}."
            yield found("error", f"unreadable-{kind}*", names, message, fix=fix)


def other_files(collected: Collected) -> Iterator[Finding]:
    """Files of other types beside the images."""
    others = [file for part in collected.parts for file in part.others]
    if others:
        types = listed(sorted({file.suffix.lower() or "no extension" for file in others}))
        message = f"{files(len(others), 'file')} of other types ({types}), not read."
        names = [collected.name(file) for file in others]
        yield found("note", "other-files*", names, message, fix="Convert them to PNG if they are images or masks.")
