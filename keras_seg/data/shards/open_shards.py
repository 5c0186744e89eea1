"""The shards that a path, an address or a list of them stands for, and how their masks are read."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg import _validation
from keras_seg._remote_files import is_remote
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.packed_folder import FILE
from keras_seg.data.shards.sample import read_samples
from keras_seg.data.shards.shard_files import folder_of, local_size, name_of, opened_file, sha256_of
from keras_seg.data.shards.shard_index import Shard, ShardIndex

# A folder, an address, an archive, an index, or several of these.
ShardPaths = PathLike | ShardIndex | Sequence[PathLike | ShardIndex]
_ARCHIVES = ".tar"
_DEFAULT_SPLIT = "train"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenedShards:
    """Shards, the index that says how they are read, and the (height, width) that all images share, or None."""

    shards: tuple[Shard, ...]
    index: ShardIndex
    size: tuple[int, int] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BareReading:
    """How the files of archives are read that no dataset.json describes. Arguments: see `from_shards`."""

    num_classes: int | None = None
    ignore_class: IgnoreClass = None
    class_names: Sequence[str] | None = None
    label_map: Mapping[int, int] | None = None
    channels: int | None = None

    def index(self, path: str) -> ShardIndex:
        """The index of an archive, without its shards.

        Raises:
            InputError: The number of classes is not given, or an argument is out of range.
        """
        if self.num_classes is None:
            raise InputError(f"{path}: there is no {FILE} beside it that tells the classes. Pass num_classes=...")
        encoding = LabelEncoding(
            num_classes=self.num_classes,
            ignore_class=_validation.ignored_classes(self.ignore_class),
            class_names=None if self.class_names is None else tuple(self.class_names),
            label_map=tuple((self.label_map or {}).items()),
        )
        channels = 3 if self.channels is None else _validation.integer("channels", self.channels)
        # Images of 16 bits are floats.
        return ShardIndex(path=path, encoding=encoding, splits={}, sizes={}, channels=channels, image_dtype="float32")


def open_shards(path: ShardPaths, *, split: str | None, bare: BareReading) -> OpenedShards:
    """Find shards, and check what can be checked without reading them.

    Raises:
        InputError: A file is missing, shards have other classes or sizes than expected, or the classes are not known.
    """
    items = [path] if isinstance(path, (str, os.PathLike, ShardIndex)) or not isinstance(path, Sequence) else list(path)
    if not items:
        _validation.fail("path", "must name at least one shard", path)
    opened = [_opened(item, split) for item in items]
    if split is not None and all(_is_archive(item) for item in items):
        fix = "Remove `split`, and pass the archives of that split."
        _validation.fail("split", "applies to folders, and `path` names archives", split, fix)
    known, others = [one for one in opened if isinstance(one, OpenedShards)], [x for x in opened if isinstance(x, str)]
    if known and others:
        raise InputError(
            f"{others[0]}: there is no {FILE} beside it that lists it, as there is for {known[0].shards[0].path}. "
            "Pass shards of one kind only."
        )
    if others:
        index = bare.index(others[0])
        shards = tuple(Shard(path=one, samples=_count(one)) for one in others)
        found = OpenedShards(shards=shards, index=index, size=None)
    else:
        found = _merged(known)
    paths = [shard.path for shard in found.shards]
    repeated = next((one for one in paths if paths.count(one) > 1), None)
    if repeated is not None:
        _validation.fail("path", "must not name a shard twice", repeated)
    for shard in found.shards:
        _check_file(shard)
    return found


def check_contents(shards: Sequence[Shard]) -> None:
    """Read all shards once, and refuse one whose bytes are not those that were packed.

    Raises:
        InputError: The SHA-256 of a shard differs from that in dataset.json.
    """
    for shard in shards:
        if shard.sha256 is not None and sha256_of(shard.path) != shard.sha256:
            raise InputError(
                f"{shard.path}: has other bytes than were packed (its SHA-256 differs from that in {FILE}). Copy it "
                "again, or pack the data again."
            )


def _opened(item: PathLike | ShardIndex, split: str | None) -> "OpenedShards | str":
    """The shards of an item, or the path of an archive that no index describes."""
    if not isinstance(item, (str, os.PathLike, ShardIndex)):
        _validation.fail("path", "must be a folder of shards, an archive, a ShardIndex, or a list of these", item)
    if not isinstance(item, ShardIndex) and _is_archive(item):
        try:
            index = ShardIndex._read(folder_of(item))
        except InputError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return os.fspath(item)
            raise
        for name, shards in index.splits.items():
            own = [shard for shard in shards if name_of(shard.path) == name_of(item)]
            if own:
                return OpenedShards(shards=tuple(own), index=index, size=index.sizes[name])
        raise InputError(f"{item}: the {FILE} beside it does not list it. Remove it, or pack the data again.")
    index = item if isinstance(item, ShardIndex) else _of_folder(item)
    name = _DEFAULT_SPLIT if split is None else split
    if name not in index.splits:
        raise InputError(f"{index.path}: there is no split {name!r}. It has: {', '.join(index.splits)}.")
    return OpenedShards(shards=index.splits[name], index=index, size=index.sizes[name])


def _of_folder(path: PathLike) -> ShardIndex:
    if not is_remote(path) and not os.path.isdir(path):
        rule = "is no folder and no .tar archive" if os.path.exists(path) else "there is no such folder"
        raise InputError(f"{path}: {rule}. Check the path.")
    try:
        return ShardIndex._read(path)
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise InputError(
                f"{path}: there is no {FILE} in it, so it holds no packed data set. Pack a folder of images with "
                "write_shards, or pass the list of the .tar files and num_classes."
            ) from error
        raise


def _is_archive(item: Any) -> bool:
    return not isinstance(item, ShardIndex) and os.fspath(item).endswith(_ARCHIVES)


def _count(path: str) -> int:
    with opened_file(path) as stream:
        return sum(1 for _ in read_samples(stream, path, lambda _: False))


def _merged(opened: Sequence[OpenedShards]) -> OpenedShards:
    first = opened[0]
    for other in opened[1:]:
        for name, values in _reading(first.index, other.index).items():
            if values[0] != values[1]:
                raise InputError(
                    f"{other.shards[0].path}: has other {name} than {first.shards[0].path} ({values[1]}, not "
                    f"{values[0]}). Pack the two data sets together, or read them one by one."
                )
    sizes = {one.size for one in opened}
    return OpenedShards(
        shards=tuple(shard for one in opened for shard in one.shards),
        index=first.index,
        size=sizes.pop() if len(sizes) == 1 else None,
    )


def _reading(*indices: ShardIndex) -> dict[str, list[Any]]:
    """What must agree."""
    return {
        "classes": [index.class_names for index in indices],
        "ignored labels": [index.ignore_class for index in indices],
        "ids in its masks": [index.encoding.label_map for index in indices],
        "channels": [index.channels for index in indices],
        "types of images": [index.image_dtype for index in indices],
        "orientations": [index.exif_orientation for index in indices],
    }


def _check_file(shard: Shard) -> None:
    if shard.samples == 0:
        raise InputError(f"{shard.path}: holds no samples. Remove it, or pack the data again.")
    if is_remote(shard.path):
        return
    size = local_size(shard.path)
    if size is None:
        raise InputError(f"{shard.path}: there is no such file. Copy it again, or pack the data again.")
    if shard.bytes is not None and size != shard.bytes:
        raise InputError(
            f"{shard.path}: has {size:,} bytes, and {shard.bytes:,} were packed. Copy it again, or pack the data again."
        )
