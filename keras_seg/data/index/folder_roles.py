"""What the name of a folder says about its files: images or masks, and of which split."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
IMAGE_FOLDERS = ("images", "image", "imgs", "img")
MASK_FOLDERS = ("masks", "mask", "labels", "annotations")


def _words_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


_IMAGE_WORDS = _words_in(
    "image images img imgs im ims jpegimages photo photos picture pictures pic pics rgb input inputs original "
    "originals orig source sources frame frames raw x leftimg leftimg8bit"
)
_MASK_WORDS = _words_in(
    "mask masks masked label labels labelled labeled annotation annotations annotated annot annots ann anns anno annos "
    "gt gts gtfine groundtruth truth truths seg segs segmentation segmentations segmap segmaps target targets matte "
    "mattes labelids y"
)
# Words of one letter, or with other meanings, count only as the whole name.
_ALONE = frozenset(("x", "y", "im", "ims", "raw", "source", "sources", "target", "targets", "input", "inputs"))
_FILLERS = frozenset(("dir", "dirs", "set", "data", "folder", "split", "ground", "the", "of", "and", "class", "png"))
_SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names}
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderRole:
    """The role of a folder below a data folder.

    Args:
        kind: "images", "masks", or None if its name tells neither.
        split: "train", "val", "test" or None.
        split_name: the name that says so, in lower case; "" for no split.
        above: names of the folders around the one that tells the role, without those of splits.
        below: names of the folders in it, down to this folder, without those of splits.
    """

    kind: str | None
    split: str | None
    split_name: str
    above: tuple[str, ...]
    below: tuple[str, ...]


def folder_role(names: Sequence[str], masks: Sequence[str] = ()) -> FolderRole:
    """The role of a folder whose path below the data folder is `names`; `masks` are further names for mask folders."""
    split = split_name = None
    kind, place, kept = None, None, []
    for position, name in enumerate(names):
        words = _words(name)
        own_kind = "masks" if name.lower() in masks else _kind(words)
        # One name says the split: in train/masks/train/, the second one is that of a class.
        own_split = _split(words) if split is None else None
        if own_split is not None:
            split, split_name = _SPLIT_OF[own_split], own_split
        if own_kind is not None:
            kind, place = own_kind, position
        kept.append(not own_split)
    if place is None:
        # The folder itself takes the place of one with a role, unless its name is that of a split.
        place = len(names) - 1 if names and kept[-1] else len(names)
    above = tuple(name for name, keep in zip(names[:place], kept[:place], strict=True) if keep)
    below = tuple(name for name, keep in zip(names[place + 1 :], kept[place + 1 :], strict=True) if keep)
    return FolderRole(kind=kind, split=split, split_name=split_name or "", above=above, below=below)


def is_split_name(path: pathlib.Path) -> bool:
    """Whether a folder is called as a split is."""
    return path.name.lower() in _SPLIT_OF


def is_mask_word(word: str) -> bool:
    """Whether a word in a file name, in lower case, says that the file is a mask."""
    return word in _MASK_WORDS


def is_image_word(word: str) -> bool:
    """Whether a word in a file name, in lower case, says that the file is an image."""
    return word in _IMAGE_WORDS


def words_of(name: str) -> list[str]:
    """The words and numbers in a name, in lower case: "Ground_Truth2" has ground, truth and 2."""
    return [word.lower() for word in _WORDS.findall(name)]


def _words(name: str) -> list[str]:
    words = []
    for word in words_of(name):
        # trainannot is train and annot.
        start = next((s for s in sorted(_SPLIT_OF, key=len, reverse=True) if word.startswith(s) and word != s), "")
        rest = word[len(start) :]
        words += [start, rest] if start and (rest in _IMAGE_WORDS or rest in _MASK_WORDS) else [word]
    return words


def _kind(words: Sequence[str]) -> str | None:
    meaning = [word for word in words if word not in _ALONE or set(words) <= {word, *_FILLERS, *_SPLIT_OF}]
    if any(word in _MASK_WORDS for word in meaning):
        return "masks"
    return "images" if any(word in _IMAGE_WORDS for word in meaning) else None


def _split(words: Sequence[str]) -> str | None:
    """The name of a split, if the other words only say what the folder holds: test_images, not test_tubes."""
    known = [word for word in words if word in _SPLIT_OF]
    rest = [word for word in words if word not in _SPLIT_OF]
    free = all(w.isdigit() or w in _FILLERS or w in _IMAGE_WORDS or w in _MASK_WORDS for w in rest)
    return known[0] if len(known) == 1 and free else None
