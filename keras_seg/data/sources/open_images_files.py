"""The files of an unpacked Open Images release, and the content of its tables."""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Collection, Iterable, Iterator

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.pairs import existing_folder

SPLITS = ("train", "validation", "test")
_SITE = "https://storage.googleapis.com/openimages"


@dataclasses.dataclass(frozen=True)
class Release:
    """One split of a release on disk. Tables are read row by row, because the largest have tens of millions of rows.

    Args:
        folder: the folder, which must exist.
        split: "train", "validation" or "test".
    """

    folder: pathlib.Path
    split: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", existing_folder(self.folder))

    def class_table(self) -> pathlib.Path:
        """The CSV file with the names of the classes."""
        found = self._found("*class-descriptions*.csv")
        if not found:
            raise self._missing("*class-descriptions*.csv", "v7/oidv7-class-descriptions-boxable.csv")
        # The table of all image-level labels is thirty times as long and repeats names.
        return next((file for file in found if "boxable" in file.name), found[0])

    def class_names(self) -> dict[str, str]:
        """dict from label ("/m/01g317") to name ("Person"). The table has a header line since V7."""
        table = self.class_table()
        names = {row[0]: row[1] for row in _lines(table) if len(row) == 2 and row[0] != "LabelName"}
        if not names:
            raise InputError(f"{table}: holds no lines 'label,name'. Download it again.")
        return names

    def segmented_labels(self) -> list[str] | None:
        """List of the labels that have masks, or None if that list was not downloaded."""
        found = self._found("*classes-segmentation.txt")
        return [row[0].strip() for row in _lines(found[0]) if row] if found else None

    def images(self) -> dict[str, str]:
        """dict from ImageID to the path of the image."""
        whole = [self.folder / "images" / self.split, self.folder / self.split, *self._shards(f"{self.split}_?")]
        roots = [root for root in whole if root.is_dir()] or [self.folder / "images"]
        found = {pathlib.Path(name).stem: path for name, path in _walk(roots) if name.lower().endswith(".jpg")}
        if not found:
            raise InputError(
                f"{self.folder}: there are no images of the {self.split} split. Put the *.jpg files of Open Images "
                f"in {self.split}/ or images/{self.split}/."
            )
        return found

    def masks(self, names: Collection[str]) -> dict[str, str]:
        """dict from MaskPath to the path of the mask, for those of the names that exist."""
        whole = [
            self.folder / "masks" / self.split,
            self.folder / f"{self.split}-masks",
            *self._shards(f"{self.split}-masks-?"),
        ]
        roots = [root for root in whole if root.is_dir()] or [self.folder / "masks", self.folder / self.split]
        return {name: path for name, path in _walk(roots) if name in names}

    def instances(self, labels: Collection[str], images: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """dict from ImageID, in order, to the [(MaskPath, label), ...] of its objects.

        Args:
            labels: the labels to look for.
            images: the ImageIDs that exist.
        """
        name = f"{self.split}-annotations-object-segmentation.csv"
        found = self._found(name)
        if not found:
            raise self._missing(name, f"v5/{name}")
        objects: dict[str, list[tuple[str, str]]] = {}
        for mask, image, label in _columns(found[0], ("MaskPath", "ImageID", "LabelName")):
            if label in labels and image in images:
                objects.setdefault(image, []).append((mask, label))
        return dict(sorted(objects.items()))

    def absent(self, labels: Collection[str], images: Collection[str]) -> dict[str, set[str]]:
        """dict from ImageID to the labels that are verified to be absent from it, if the tables were downloaded.

        Args:
            labels: the labels to look for.
            images: the ImageIDs to look for.
        """
        names = (self.split, "val") if self.split == "validation" else (self.split,)
        absent: dict[str, set[str]] = {}
        for name in names:
            for file in self._found(f"*{name}-annotations-human-imagelabels*.csv"):
                for image, label, confidence in _columns(file, ("ImageID", "LabelName", "Confidence")):
                    # Written as 0 in some tables and as 0.0 in others.
                    if label in labels and image in images and confidence and not confidence.strip("0."):
                        absent.setdefault(image, set()).add(label)
        return absent

    def archive_of(self, mask: str) -> str:
        """Name of the archive that a mask is in."""
        return f"{self.split}-masks-{mask[:1]}.zip"

    def _found(self, pattern: str) -> list[pathlib.Path]:
        """Files in the folder, else in its subfolders."""
        return sorted(self.folder.glob(pattern)) or sorted(self.folder.glob(f"*/{pattern}"))

    def _shards(self, pattern: str) -> list[pathlib.Path]:
        return sorted(self.folder.glob(pattern))

    def _missing(self, pattern: str, address: str) -> InputError:
        return InputError(f"{self.folder}: holds no {pattern}. Download {_SITE}/{address} into the folder.")


def _walk(roots: Iterable[pathlib.Path]) -> Iterator[tuple[str, str]]:
    """(name, path) of every file in the folders and below."""
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                yield name, os.path.join(folder, name)


def _lines(path: PathLike) -> Iterator[list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            yield from csv.reader(stream)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table of text ({error}). Download it again.") from error


def _columns(path: PathLike, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Tuples of the columns of these names."""
    lines = _lines(path)
    header = next(lines, [])
    for name in names:
        if name not in header:
            raise InputError(
                f"{path}: has no column {name}; the first line is {','.join(header)!r}. Download it again."
            )
    places = [header.index(name) for name in names]
    for number, row in enumerate(lines, 2):
        if not row:
            continue
        if len(row) <= max(places):
            raise InputError(f"{path}: line {number} ends early. The download is incomplete; repeat it.")
        yield tuple(row[place] for place in places)
