"""Pack a data folder into shards."""

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg import _files, _philox, _progress, _validation
from keras_seg._decoding.archive_member import archive_member
from keras_seg._decoding.held_file import file_stamp
from keras_seg._types import IgnoreClass, PathLike, Progress
from keras_seg._validation import InputError
from keras_seg.data.index.folder_index import FolderIndex, scan_folder
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.packed_folder import FILE
from keras_seg.data.index.pairs import ListedPairs, find_splits
from keras_seg.data.index.thread_map import thread_count, thread_map
from keras_seg.data.shards.packed_sample import StoredIds, packed_sample, sample_keys
from keras_seg.data.shards.packing_folder import PackingFolder, packing_folder, refuse_taken
from keras_seg.data.shards.shard_files import sha256_of
from keras_seg.data.shards.shard_index import VERSION, Shard, ShardIndex

_SHARD_MB = 256
_MEGABYTE = 10**6
_UNDIVIDED = "train"


def write_shards(
    path: PathLike | ListedPairs | FolderIndex | Mapping[str, FolderIndex],
    out: PathLike,
    *,
    split: str | Sequence[str] | None = None,
    shard_mb: float | None = None,
    shard_samples: int | None = None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    exif_orientation: str | None = None,
    label_map: Mapping[int, int] | None = None,
    colors: Mapping[tuple[int, int, int], int] | None = None,
    channels: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress = True,
) -> ShardIndex:
    """Pack images and masks into shards, which `from_shards` and the webdataset package read.

    A shard is a tar archive: a/KEY.jpg and KEY.seg.png belong together. The bytes of images are kept as they are. Masks
    hold class ids, as gray PNG; one that does already is kept too. `dataset.json` beside the shards describes them:
    class names, ignored labels, and samples, bytes and SHA-256 of every shard.

    Samples are sorted by name and then shuffled, so that each shard is a fair sample of its split. `out` appears when
    all of it is written. A call that was interrupted leaves out.partial, and the same call goes on from there.

    Other arguments: see `scan_folder`.

    Args:
        path: path, pair of paths, `FolderIndex`, or dict of indices by split. The data folder, which is scanned first;
            an index or a folder that is not divided becomes the split "train". Shards are packed again.
        out: path. The folder to write. It must not exist, or be empty, and is not the current folder.
        split: str or sequence of str. The splits of a folder to pack. Defaults to None, for all.
        channels: int. Channels of the images. Defaults to None, for 3.
        shard_mb: float > 0 or None. About the size of a shard, in 10^6 bytes. Defaults to None: 256, unless
            `shard_samples` is given.
        shard_samples: int >= 1. Samples per shard, instead of a size. Defaults to None.
        seed: int >= 0. Of the order in the shards. Defaults to 0.
        overwrite: bool. Replace shards at `out`; anything else is never replaced. Defaults to False.
        progress: bool or function of (done, total). Whether to show a bar. Defaults to True.

    Returns:
        A `ShardIndex`.

    Raises:
        InputError: The folder or an argument cannot be used, or `out` holds something.

    Examples:
        >>> import os, tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     data = write_shapes(folder + "/data", train=4, val=2, image_size=(48, 64))
        ...     index = write_shards(data, folder + "/packed", shard_samples=2, progress=False)
        ...     sorted(os.listdir(folder + "/packed"))
        ['dataset.json', 'train-000000.tar', 'train-000001.tar', 'val-000000.tar']
        >>> index.samples("train"), index.class_names[:2]
        (4, ('background', 'circle'))
    """
    _progress.check_progress(progress)
    if shard_mb is not None and shard_samples is not None:
        _validation.fail("shard_mb", "has no effect beside `shard_samples`", shard_mb, "Give one of the two.")
    shard_mb = _SHARD_MB if shard_mb is None else _validation.number("shard_mb", shard_mb)
    if shard_mb <= 0:
        _validation.fail("shard_mb", "must be larger than 0", shard_mb)
    if shard_samples is not None:
        _validation.integer("shard_samples", shard_samples)
    _validation.integer("seed", seed, 0)
    _validation.boolean("overwrite", overwrite)
    workers = thread_count(workers)
    # Before a scan that takes long.
    _files.check_on_disk(out)
    out = pathlib.Path(out)
    refuse_taken(out, overwrite=overwrite)
    reading = {
        "num_classes": num_classes,
        "ignore_class": ignore_class,
        "class_names": class_names,
        "label_map": label_map,
        "colors": colors,
        "channels": channels,
        "exif_orientation": exif_orientation,
    }
    indices = _indices(path, split, reading, workers)
    packing = {"seed": seed, "shard_mb": shard_mb, "shard_samples": shard_samples}
    with packing_folder(out, _fingerprint(indices, packing), overwrite=overwrite) as folder:
        found = _written(indices, folder, packing, progress, workers=workers)
        _files.write_json(folder.path / FILE, found._content)
    notices = dict.fromkeys(line for index in indices.values() for line in index.notices)
    return dataclasses.replace(ShardIndex._read(out), notices=tuple(notices))


def _indices(path: Any, split: Any, reading: dict[str, Any], workers: int) -> dict[str, FolderIndex]:
    """The indices of all splits, whose masks are read in one way."""
    given = {name: value for name, value in reading.items() if value is not None}
    if isinstance(path, (FolderIndex, Mapping)):
        for name, value in (*given.items(), ("split", split)):
            if value is not None:
                fix = f"Pass {name} to scan_folder."
                _validation.fail(name, "cannot change a FolderIndex", value, fix)
        indices = {_UNDIVIDED: path} if isinstance(path, FolderIndex) else dict(path)
        _check_indices(indices)
        return indices
    listed = isinstance(path, (tuple, list))
    if not listed and not isinstance(path, (str, os.PathLike)):
        fix = "Scan a folder of class masks with scan_folder."
        _validation.fail("path", "must be a folder, a FolderIndex or a dict of these", type(path).__name__, fix)
    found = () if listed else find_splits(path)
    names: list[Any] = [split] if isinstance(split, str) else list(found or (None,) if split is None else split)
    if not names:
        _validation.fail("split", "must name at least one split", split)
    indices: dict[str, FolderIndex] = {}
    for name in names:
        rest = given
        if indices:
            first = next(iter(indices.values()))
            same = ("channels", "exif_orientation")
            rest = {**{key: given[key] for key in same if key in given}, "encoding": first.encoding}
        indices[name or _UNDIVIDED] = scan_folder(path, split=name, workers=workers, **rest)
    _check_indices(indices)
    return indices


def _check_indices(indices: Mapping[str, FolderIndex]) -> None:
    """Refuse indices that no single description fits."""
    if not indices:
        _validation.fail("path", "must hold at least one index", {})
    for name, index in indices.items():
        if not isinstance(index, FolderIndex):
            _validation.fail(
                "path", f"must hold indices of class masks, by split; {name!r} is none", type(index).__name__
            )
        if not isinstance(name, str) or not name or not name.replace("-", "").replace("_", "").isalnum():
            _validation.fail("path", "must have names of splits as keys: letters, digits, - and _", name)
    first = next(iter(indices.values()))
    for name, index in indices.items():
        for what in ("num_classes", "class_names", "ignore_class", "channels", "exif_orientation"):
            own, other = getattr(index, what), getattr(first, what)
            if own != other:
                raise InputError(
                    f"{index.path}: the split {name!r} has {what}={own!r}, and {next(iter(indices))!r} has {other!r}. "
                    "Scan both with the same arguments."
                )


def _fingerprint(indices: Mapping[str, FolderIndex], packing: dict[str, Any]) -> str:
    """Text that differs when a shard would get other bytes."""
    facts: list[Any] = [VERSION, packing]
    for name, index in indices.items():
        facts.append([name, index.encoding.get_config(), index._cache_key])
        for position, pair in enumerate(index.pairs):
            for file in pair:
                facts.append([file_stamp(file), index._file_key(position)])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _written(
    indices: Mapping[str, FolderIndex],
    folder: PackingFolder,
    packing: dict[str, Any],
    progress: Progress,
    *,
    workers: int,
) -> ShardIndex:
    """Write all shards but those that an interrupted call has finished."""
    first = next(iter(indices.values()))
    ids = StoredIds.of(first)
    encoding = LabelEncoding(
        num_classes=first.num_classes,
        class_names=first.class_names,
        ignore_class=first.ignore_class,
        label_map=tuple(ids.label_map(first).items()),
    )
    total = sum(len(index) for index in indices.values())
    splits: dict[str, tuple[Shard, ...]] = {}
    done = 0
    with _progress.progress_report(progress, total=total, unit="samples") as report:
        for number, (split, index) in enumerate(indices.items()):
            keys = sample_keys(index)
            shards = []
            for place, positions in enumerate(_shares(index, number, packing)):
                name = f"{split}-{place:06d}.tar"
                if name not in folder.finished:
                    samples = thread_map(
                        lambda position, index=index, keys=keys: packed_sample(index, position, keys[position], ids),
                        positions,
                        workers=workers,
                    )
                    _write(folder.path / name, _reported(samples, report, done))
                    size, digest = (folder.path / name).stat().st_size, sha256_of(folder.path / name)
                    folder.finish(name, {"samples": len(positions), "bytes": size, "sha256": digest})
                done += len(positions)
                report(done)
                shards.append(Shard(path=name, **folder.finished[name]))
            splits[split] = tuple(shards)
    return ShardIndex(
        path=str(folder.path),
        encoding=encoding,
        splits=splits,
        sizes={split: index.common_size for split, index in indices.items()},
        channels=first.channels,
        image_dtype="float32" if any(index.image_dtype == "float32" for index in indices.values()) else "uint8",
        exif_orientation=first.exif_orientation,
        packing=packing,
    )


def _shares(index: FolderIndex, number: int, packing: dict[str, Any]) -> Iterator[list[int]]:
    """The positions of each shard: by name, then shuffled, then cut."""
    named = sorted(range(len(index)), key=lambda position: str(index.pairs[position].image))
    draws = _philox.uniform_double(_philox.fold_in((packing["seed"], number), 0, bits=32), len(index))
    limit, most = packing["shard_mb"] * _MEGABYTE, packing["shard_samples"]
    share: list[int] = []
    size = 0
    for place in np.argsort(draws, kind="stable"):
        position = named[place]
        # A mask that is written again may have another size: the size of a shard is only about as wanted.
        added = sum(_size(file) for file in index.pairs[position])
        if share and (len(share) >= most if most is not None else size + added > limit):
            yield share
            share, size = [], 0
        share.append(position)
        size += added
    yield share


def _size(file: pathlib.Path) -> int:
    member = archive_member(file)
    return _files.size_on_disk(file) if member is None else member.size


def _reported(samples: Iterator[Any], report: Any, done: int) -> Iterator[Any]:
    for number, sample in enumerate(samples, done + 1):
        yield sample
        report(number)


def _write(path: pathlib.Path, samples: Iterator[list[tuple[str, bytes]]]) -> None:
    """Write an archive: plain, in an order and with facts that depend on nothing but its content."""
    with (
        _files.written_aside(path, overwrite=True) as aside,
        tarfile.open(aside, "w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for sample in samples:
            for name, content in sample:
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
