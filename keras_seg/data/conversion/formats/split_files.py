"""One label file per split."""

import pathlib
from collections.abc import Sequence

from keras_seg._validation import InputError
from keras_seg.data.conversion.source import Source, split_in


def by_split(source: Source, files: Sequence[pathlib.Path], *, kind: str = "file") -> dict[str | None, pathlib.Path]:
    """One file per split. `kind` is what can be passed alone: each file, or the "folder" that it describes."""
    found: dict[str | None, pathlib.Path] = {}
    for file in files:
        split = split_of(source, file)
        if split in found:
            raise InputError(
                f"{source.name(file)}: {source.name(found[split])} holds labels of the same kind"
                f"{f' for {split}' if split else ''}. Pass one of the two {kind}s as the source."
            )
        found[split] = file
    if None in found and len(found) > 1:
        raise InputError(
            f"{source.name(found[None])}: belongs to no split, unlike the other label files. Pass one {kind} as "
            "the source, or put train or val into its name."
        )
    return found


def split_of(source: Source, file: pathlib.Path) -> str | None:
    """The split that the name of the file or of its folder holds."""
    folder = file.parent.name if file.parent != source.root or source.file else ""
    return split_in(file.stem) or split_in(folder)
