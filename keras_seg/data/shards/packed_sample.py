"""A pair of a data folder as the members of a shard."""

import dataclasses
import io
import pathlib
import re

import numpy as np
from PIL import Image

from keras_seg._decoding.arrays import open_array
from keras_seg._decoding.decode import file_facts
from keras_seg._decoding.held_file import opened
from keras_seg._validation import InputError
from keras_seg.data.index.folder_index import FolderIndex
from keras_seg.data.shards.sample import MASK_SUFFIX

_LARGEST_ID = 65535
_ONE_BYTE = 255
_LEADING = "_-"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredIds:
    """The value in the shards' masks of each label: its own, or a free one for labels that PNG cannot hold.

    Args:
        moved: dict from such a label to its value.
    """

    moved: dict[int, int]

    @classmethod
    def of(cls, index: FolderIndex) -> "StoredIds":
        """The values for an index.

        Raises:
            InputError: There are more labels than values.
        """
        labels = {*range(index.num_classes), *index.ignore_class}
        outside = [label for label in index.ignore_class if not 0 <= label <= _LARGEST_ID]
        largest = _ONE_BYTE if index.num_classes + len(index.ignore_class) <= _ONE_BYTE + 1 else _LARGEST_ID
        free = [value for value in range(largest, -1, -1) if value not in labels][: len(outside)]
        if index.num_classes > _LARGEST_ID + 1 or len(free) < len(outside):
            raise InputError(f"{index.path}: has {len(labels)} labels, and a mask of 16 bits holds 65536. Merge some.")
        return cls(moved=dict(zip(outside, free, strict=True)))

    def label_map(self, index: FolderIndex) -> dict[int, int]:
        """The id of each value, for labels that have another one; {} if there are none."""
        kept = {label: label for label in (*range(index.num_classes), *index.ignore_class) if label not in self.moved}
        return {**kept, **{value: label for label, value in self.moved.items()}} if self.moved else {}

    def png(self, labels: np.ndarray) -> bytes:
        """A mask as a gray PNG of 8 bits, or of 16."""
        values = labels.astype("int32")
        for label, value in self.moved.items():
            values[labels == label] = value
        held = io.BytesIO()
        Image.fromarray(values.astype("uint8" if values.max(initial=0) <= _ONE_BYTE else "uint16")).save(held, "PNG")
        return held.getvalue()


def packed_sample(index: FolderIndex, position: int, key: str, ids: StoredIds) -> list[tuple[str, bytes]]:
    """The names and bytes of the files of an example: its image as it is, and a mask of class ids.

    Raises:
        InputError: A file changed after the scan.
    """
    pair = index.pairs[position]
    labels = index.read_labels(position)
    if labels.shape != tuple(index.sizes[position]):
        raise InputError(f"{pair.mask}: its size changed since the folder was scanned. Pack the folder again.")
    suffix, image = _image_bytes(pair.image)
    return [(f"{key}{suffix}", image), (f"{key}{MASK_SUFFIX}", _mask_bytes(index, position, labels, ids))]


def _image_bytes(path: pathlib.Path) -> tuple[str, bytes]:
    suffix = path.suffix.lower()
    if suffix != ".zarr":
        return suffix, _bytes_of(path)
    # A store is a folder of many files.
    held = io.BytesIO()
    np.save(held, np.array(open_array(path)[:]))
    return ".npy", held.getvalue()


def _mask_bytes(index: FolderIndex, position: int, labels: np.ndarray, ids: StoredIds) -> bytes:
    """The file itself if it is a gray PNG of these ids, as most are; else a new one."""
    path, encoding = index.pairs[position].mask, index.encoding
    as_stored = not (index.colors or encoding.label_map or index._value_map(position) or ids.moved)
    if as_stored and encoding.threshold is None and path.suffix.lower() == ".png":
        facts = file_facts(path, "mask")
        if facts.mode in ("L", "I;16") and facts.bits in (8, 16) and facts.orientation == 1 and not facts.alpha:
            return _bytes_of(path)
    return ids.png(labels)


def _bytes_of(path: pathlib.Path) -> bytes:
    try:
        with opened(path) as stream:
            return stream.read()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: cannot be read ({reason}). Check it, and pack the folder again.") from error


def sample_keys(index: FolderIndex) -> list[str]:
    """A name for each example: that of its image, without what WebDataset reads as more than a name, and unique."""
    taken: set[str] = set()
    keys = []
    for pair in index.pairs:
        plain = re.sub(r"[^\w-]+", "_", pair.image.stem).strip(_LEADING) or "image"
        numbered = (f"{plain}-{number}" for number in range(2, len(index) + 2))
        key = plain if plain.casefold() not in taken else next(k for k in numbered if k.casefold() not in taken)
        taken.add(key.casefold())  # Some file systems do not tell a from A when an archive is unpacked.
        keys.append(key)
    return keys
