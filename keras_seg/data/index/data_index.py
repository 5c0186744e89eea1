"""What the indices of all data folders share."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.orientation import APPLY
from keras_seg.data.index.image_facts import ImageFacts, whole_range
from keras_seg.data.index.image_hashes import ImageHashes
from keras_seg.data.index.pairs import Pair

_PER_EXAMPLE = (
    "pairs", "sizes", "pixel_counts", "ignored_counts", "object_counts", "value_maps", "image_hashes", "class_files",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DataIndex:
    """Base of `FolderIndex`, `InstanceIndex` and `MultiLabelIndex`.

    A subclass defines `read_labels(position)`, the dtype of its result, `ignore_class`, and `_cache_key`. Arguments:
    see `FolderIndex`.
    """

    path: str
    pairs: tuple[Pair, ...]
    sizes: tuple[tuple[int, int], ...]
    channels: int = 3
    image_dtype: str = "uint8"
    image_range: tuple[float, float] | None = None
    notices: tuple[str, ...] = ()
    exif_orientation: str = "apply"
    group_by: str | None = None
    fold: tuple[int, int] | None = None
    image_hashes: tuple[ImageHashes, ...] = ()

    # The function that makes the index, for error messages.
    _SCAN: ClassVar[str]

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def ignore_class(self) -> tuple[int, ...]:
        """The labels of pixels without a class."""
        raise NotImplementedError

    @property
    def _label_dtype(self) -> np.dtype:
        """The dtype of `read_labels`."""
        raise NotImplementedError

    @property
    def _cache_key(self) -> str:
        """Text that differs when the same files are read differently."""
        raise NotImplementedError

    def _file_key(self, position: int) -> str:
        """Text that differs when the files of an example are read differently."""
        return self._cache_key

    def _is_taken(self, label: int) -> bool:
        """Whether a label that augmentation gives to pixels without a class would mean something else."""
        return False

    @property
    def common_size(self) -> tuple[int, int] | None:
        """The (height, width) that all images share, or None."""
        return self.sizes[0] if len(set(self.sizes)) == 1 else None

    def read_labels(self, position: int) -> np.ndarray:
        """The labels of an example, an integer array (height, width)."""
        raise NotImplementedError

    def _scanned_labels(self, position: int) -> np.ndarray:
        """`read_labels`, from what the scan has kept if it did."""
        return self.read_labels(position)

    def subset(self, indices: Sequence[int] | np.ndarray) -> Self:
        """The index of some of the examples.

        Args:
            indices: sequence of int. Positions, counted from 0.

        Returns:
            An index with these examples in this order, read in the same way.

        Raises:
            InputError: `indices` is empty or holds a position out of range.
        """
        indices = [int(i) for i in indices]
        if not indices or min(indices) < 0 or max(indices) >= len(self):
            _validation.fail("indices", f"must hold at least one position, all in 0..{len(self) - 1}", indices)
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        taken = {
            name: tuple(value[i] for i in indices) if isinstance(value, tuple) else value[indices]
            for name, value in fields.items()
            if name in _PER_EXAMPLE and len(value)
        }
        return dataclasses.replace(self, **taken)

    def sample(self, count: int) -> Self:
        """The index of `count` examples evenly spaced through the folder; of all if there are fewer.

        Args:
            count: int >= 1.

        Raises:
            InputError: `count` is not a positive integer.
        """
        count = min(_validation.integer("count", count), len(self))
        return self.subset(np.linspace(0, len(self) - 1, count).astype(int))


# An index of either kind, for functions that return the kind they are given.
AnyIndex = TypeVar("AnyIndex", bound=DataIndex)


def image_fields(
    seen: Sequence[tuple[Pair, ImageFacts, Any]], *, channels: int, exif_orientation: str
) -> dict[str, Any]:
    """The fields of an index that its pairs and images decide."""
    images = [image for _, image, _ in seen]
    applied = exif_orientation == APPLY
    hashes = tuple(image.hashes for image in images if image.hashes is not None)
    return {
        "pairs": tuple(pair for pair, _, _ in seen),
        "sizes": tuple(image.file.turned_size if applied else image.file.size for image in images),
        "channels": channels,
        "image_dtype": "float32" if any(image.dtype == "float32" for image in images) else "uint8",
        "image_range": whole_range(images),
        "exif_orientation": exif_orientation,
        "image_hashes": hashes if len(hashes) == len(images) else (),
    }
