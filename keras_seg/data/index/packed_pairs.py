"""The pairs of a folder of shards: files in its archives, by paths that go through them."""

import pathlib

from keras_seg._text import counted
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.shards.open_shards import BareReading, open_shards
from keras_seg.data.shards.sample import sample_names
from keras_seg.data.shards.shard_files import opened_file
from keras_seg.data.shards.shard_index import ShardIndex


def packed_splits(path: PathLike) -> tuple[str, ...]:
    """The splits of a folder of shards."""
    return tuple(ShardIndex._read(path).splits)


def packed_channels(path: PathLike) -> int:
    """The channels that images were packed to be read with."""
    return ShardIndex._read(path).channels


def packed_pairs(path: PathLike, split: str | None) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """The image and the mask of each sample, in the order of the shards.

    Raises:
        InputError: There is no such split, or a shard is missing, damaged, or holds another number of samples.
    """
    if split is None:
        splits = list(packed_splits(path))
        split = splits[0]
        if len(splits) > 1:
            raise InputError(f"{path}: the shards are divided into {', '.join(splits)}. Pass split={split!r}.")
    pairs = []
    for shard in open_shards(path, split=split, bare=BareReading()).shards:
        with opened_file(shard.path) as stream:
            found = list(sample_names(stream, shard.path))
        if len(found) != shard.samples:
            raise InputError(
                f"{shard.path}: holds {counted(len(found), 'sample')} instead of {shard.samples}. Copy it again, or "
                "pack the data again."
            )
        pairs += [(pathlib.Path(image), pathlib.Path(mask)) for image, mask in found]
    return pairs
