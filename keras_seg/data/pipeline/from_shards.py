"""Batches from shards: archives that are read as streams."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keras_seg import _philox, _validation
from keras_seg._decoding.held_file import HeldFile
from keras_seg._types import IgnoreClass, Size, Tensor
from keras_seg._validation import InputError
from keras_seg.data.pipeline.batches import Augment, BatchSettings, ExampleOrder, batches, share_of_batch
from keras_seg.data.pipeline.from_folder import chosen_loader, refuse_scan_arguments
from keras_seg.data.pipeline.shard_batches import ShardBatches
from keras_seg.data.pipeline.shard_stream import ShardStream
from keras_seg.data.shards.decode_sample import SampleDecoder
from keras_seg.data.shards.open_shards import BareReading, OpenedShards, ShardPaths, check_contents, open_shards
from keras_seg.data.shards.sample import Sample
from keras_seg.data.shards.shard_index import Shard

if TYPE_CHECKING:
    import tensorflow as tf

_SHUFFLE_BUFFER = 1000


def from_shards(
    path: ShardPaths,
    *,
    split: str | None = None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[int, int] | None = None,
    channels: int | None = None,
    batch_size: int = 8,
    augment: Augment | None = None,
    image_size: Size | None = None,
    shuffle: bool | None = None,
    shuffle_buffer: int | None = None,
    seed: int = 0,
    repeat: bool = False,
    first_epoch: int = 0,
    first_step: int = 0,
    steps_per_epoch: int | None = None,
    process: int = 0,
    processes: int = 1,
    workers: int | None = None,
    use_multiprocessing: bool = False,
    loader: str | None = None,
    check_shards: bool = False,
) -> tf.data.Dataset | ShardBatches:
    """Batches from shards that `write_shards` or the webdataset package wrote, for `model.fit` on every backend.

    Shards are read from front to back, as streams, so that a data set may be larger than the disk, and lie at any
    address that fsspec opens. Otherwise the batches are those of `from_folder`: other arguments, see there.

    Order and augmentation are functions of (seed, epoch, number): shards come in another order in each epoch, and
    samples through a shuffle buffer, whose content is the only part of the data in memory. With `repeat=True`,
    `first_epoch=k, first_step=n` gives exactly the data of an uninterrupted run from batch n of epoch k on; of what
    lies before it, headers are read at most.

    Args:
        path: path, address, `ShardIndex`, or a list of these. A folder of shards, such as "packed" or
            "s3://bucket/packed", or its archives (.tar). Archives without a dataset.json beside them need
            `num_classes`, and are counted first, which reads their headers.
        split: str. The split of a folder. Defaults to None, for "train".
        num_classes: int >= 2. Number of classes, for archives without dataset.json. Defaults to None.
        ignore_class: int or sequence of int. Labels of pixels without a class, as `num_classes`. Defaults to None.
        class_names: sequence of str. One name per class, as `num_classes`. Defaults to None.
        label_map: dict from a value in the masks to its id, as `num_classes`. Defaults to None.
        channels: int. Channels of the images, as `num_classes`. Defaults to None, for 3.
        repeat: bool. Repeat endlessly, in epochs of exactly `steps_per_epoch` batches. Defaults to False.
        first_step: int >= 0. Number of the batch to start with in the first epoch. Needs `repeat`. Defaults to 0.
        steps_per_epoch: int >= 1. Batches per epoch. Defaults to None, for every sample once; with several processes,
            for as many as the process with the fewest samples fills, so that all of them have the same number.
        shuffle_buffer: int >= 1. Samples held for shuffling, as they are stored: about 1000 times the size of an image
            file. Defaults to None, for 1000.
        process: int in 0..processes - 1. Which of several processes that train one model this one is. Defaults to 0.
        processes: int >= 1. Number of these processes. Each reads every n-th shard, and its
            `batch_size / processes` samples of every batch. Defaults to 1.
        workers: int >= 1. Examples decoded and augmented in parallel. Defaults to None: tf.data chooses, or a thread
            per core.
        check_shards: bool. Read all shards first, and compare their SHA-256 with dataset.json. Defaults to False, which
            compares the sizes of files.

    Returns:
        `tf.data.Dataset` or `keras.utils.PyDataset` of (image, mask), as from `from_folder`.

    Raises:
        InputError: A shard is missing, cut or damaged, holds no samples or one without a mask, or has other classes
            than the others; there are fewer shards than processes; an argument cannot be used. What is wrong inside a
            shard is found when it is read.
        ImportError: TensorFlow, fsspec for an address, or loky for `use_multiprocessing`, is missing.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes, write_shards
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     data = write_shapes(folder + "/data", train=4, val=2, image_size=(48, 64))
        ...     index = write_shards(data, folder + "/packed", progress=False)
        ...     images, masks = next(iter(from_shards(index, split="val", batch_size=2)))
        >>> images.shape, masks.shape
        (TensorShape([2, 48, 64, 3]), TensorShape([2, 48, 64]))
    """
    in_numpy = chosen_loader(loader) == "numpy"
    settings = BatchSettings(
        image_size=image_size, augment=augment, workers=workers, use_multiprocessing=use_multiprocessing
    )
    settings.check_loader(in_numpy=in_numpy)
    shuffle = augment is not None if shuffle is None else _validation.boolean("shuffle", shuffle)
    buffer = _buffer_size(shuffle_buffer, shuffle=shuffle)
    _validation.boolean("check_shards", check_shards)
    own_size = len(share_of_batch(batch_size, process, processes))
    bare = BareReading(
        num_classes=num_classes, ignore_class=ignore_class, class_names=class_names, label_map=label_map,
        channels=channels,
    )  # fmt: skip
    opened = open_shards(path, split=split, bare=bare)
    index = opened.index
    if index.splits:
        refuse_scan_arguments(index, None, **dataclasses.asdict(bare))
    own = _own_shards(opened, process, processes)
    # Refuses its arguments before any number is computed from them.
    order = ExampleOrder(
        count=sum(shard.samples for shard in own),
        batch_size=own_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
    )
    if processes > 1:
        order = _order_among(order, opened, process, processes)
    order = dataclasses.replace(order, first_step=first_step)  # Compared with the batches of an epoch of this process.
    settings.check_sizes(opened.size, batch_size, own[0].path)
    if check_shards:
        check_contents(own)
    stream = ShardStream(own, order, buffer=buffer)
    decode = SampleDecoder(
        encoding=index.encoding,
        channels=index.channels,
        image_dtype=index.image_dtype,
        exif_orientation=index.exif_orientation,
        size=opened.size,
    )
    if in_numpy:
        return ShardBatches(stream, decode, settings)
    return _tensorflow_batches(stream, decode, settings)


def _buffer_size(shuffle_buffer: int | None, *, shuffle: bool) -> int | None:
    if shuffle_buffer is None:
        return _SHUFFLE_BUFFER if shuffle else None
    if not shuffle:
        fix = "Remove it, or pass shuffle=True."
        _validation.fail("shuffle_buffer", "has no effect without shuffling", shuffle_buffer, fix)
    return _validation.integer("shuffle_buffer", shuffle_buffer)


def _own_shards(opened: OpenedShards, process: int, processes: int) -> tuple[Shard, ...]:
    if len(opened.shards) < processes:
        count = len(opened.shards)
        raise InputError(
            f"{opened.index.path}: has {count} shard{'s' if count > 1 else ''}, fewer than {processes} processes. Pack "
            "the data again into smaller shards (shard_mb or shard_samples), or use fewer processes."
        )
    return opened.shards[process::processes]


def _order_among(order: ExampleOrder, opened: OpenedShards, process: int, processes: int) -> ExampleOrder:
    """The order of one of several processes: as many batches as in the others, and other random numbers."""
    fewest = min(sum(shard.samples for shard in opened.shards[one::processes]) for one in range(processes))
    steps = order.steps_per_epoch or fewest // order.batch_size
    if not steps:
        fix = "Choose a smaller batch_size, pass steps_per_epoch, or use fewer processes."
        rule = f"must be at most {fewest * processes}: a process has {fewest} samples"
        _validation.fail("batch_size", rule, order.batch_size * processes, fix)
    # Folded twice: the first number alone is that of the seed, whatever was folded into it.
    folded, _ = _philox.fold_in(_philox.fold_in((order.seed, processes), process, bits=32), 0, bits=32)
    return dataclasses.replace(order, seed=abs(folded), steps_per_epoch=steps)


def _tensorflow_batches(stream: ShardStream, decode: SampleDecoder, settings: BatchSettings) -> tf.data.Dataset:
    import tensorflow as tf

    order = stream.order
    types = (tf.as_dtype(decode.image_dtype), tf.as_dtype(decode.encoding.dtype))
    passes = itertools.count()

    def samples() -> Iterator[Any]:
        """The seed, names and bytes of each sample. Without `repeat`, each iteration is of another epoch."""
        epochs = itertools.count(order.first_epoch) if order.repeat else [next(passes)]
        start = order.first_step * order.batch_size
        for epoch in epochs:
            for seed, sample in stream.samples(epoch, start):
                files = sample.image, sample.mask
                yield seed, *(part for file in files for part in (file.name.encode(errors="replace"), file.content))
            start = 0

    def load(parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        image, mask = tf.numpy_function(_decoded(decode), parts, types, stateful=False)
        height, width = decode.size or (None, None)
        image.set_shape((height, width, decode.channels))
        mask.set_shape((height, width))
        return image, mask

    text = tf.TensorSpec((), tf.string)
    source = tf.data.Dataset.from_generator(
        samples, output_signature=(tf.TensorSpec((2,), tf.int64), text, text, text, text)
    )
    return batches(source.map(lambda seed, *parts: (seed, parts)), load, order, settings)


def _decoded(decode: SampleDecoder) -> Any:
    def from_bytes(*parts: bytes) -> Any:
        names, contents = [part.decode() for part in parts[::2]], parts[1::2]
        image, mask = (HeldFile(name=n, content=c) for n, c in zip(names, contents, strict=True))
        return decode(Sample(image=image, mask=mask))

    return from_bytes
