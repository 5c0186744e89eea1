"""Batches from a folder of images and masks."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike, Size, Tensor
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.folder_index import scan_folder
from keras_seg.data.index.pairs import ListedPairs
from keras_seg.data.pipeline.array_batches import ArrayBatches
from keras_seg.data.pipeline.batches import Augment, BatchSettings, ExampleOrder, batches
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.data.shards.shard_index import ShardIndex

if TYPE_CHECKING:
    import tensorflow as tf


def from_folder(
    path: PathLike | ListedPairs | DataIndex,
    *,
    split: str | None = None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[int, int] | None = None,
    colors: Mapping[tuple[int, int, int], int] | None = None,
    channels: int | None = None,
    exif_orientation: str | None = None,
    batch_size: int = 8,
    augment: Augment | None = None,
    image_size: Size | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    cache: bool | PathLike = False,
    repeat: bool = False,
    first_epoch: int = 0,
    first_step: int = 0,
    steps_per_epoch: int | None = None,
    workers: int | None = None,
    use_multiprocessing: bool = False,
    loader: str | None = None,
    process: int = 0,
    processes: int = 1,
) -> tf.data.Dataset | ArrayBatches:
    """Batches from a folder of images and masks, for `model.fit` on every backend.

    They come from `tf.data` where TensorFlow is installed, and from a `keras.utils.PyDataset` in NumPy elsewhere, with
    the same examples in the same order and the same augmentation, up to rounding.

    The folder is scanned first (`scan_folder`), so errors in it are reported in one line before training. Order and
    augmentation are functions of (seed, epoch, position): the same arguments give the same data on any number of cores.
    With `repeat=True`, `first_epoch=k, first_step=n` gives exactly the data of an uninterrupted run from batch n of
    epoch k on; what lies before it is not read.

    Args:
        path: path, pair of paths, or index. A folder, two text files (see `find_pairs`), or a `FolderIndex`, which
            saves the scan. An `InstanceIndex` gives maps that number the objects instead of masks, a
            `MultiLabelIndex` maps whose bits are the classes.
        split: str. "train", "val", ..., for folders that are divided. Defaults to None.
        num_classes: int >= 2. Number of classes. Defaults to None, which detects it from the masks.
        ignore_class: int or sequence of int. Labels of pixels without a class. Defaults to None.
        class_names: sequence of str. One name per class. Defaults to None.
        label_map: dict from a value in the masks to its id. Defaults to None.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. Defaults to None.
        channels: int. 3 (RGB), 1 (gray), 4, or the number in `.npy` images. Defaults to None: 3, or as shards were
            packed.
        exif_orientation: str. "apply" or "ignore", as in `scan_folder`. Defaults to None, which detects it.
        batch_size: int >= 1. Examples per batch. The last batch may be smaller, unless `repeat`. Defaults to 8.
        augment: callable of (image, mask, seed), such as `keras_seg.augmentation.standard(...)`. For an
            `InstanceIndex` its `ignore_class` is -1, for a `MultiLabelIndex` None. Defaults to None.
        image_size: int or (height, width) in pixels. Every image is resized to it (antialiased bilinear, its mask
            nearest) before augmentation, without keeping the aspect ratio. Defaults to None, which does not resize.
        shuffle: bool. A different order in every epoch. Defaults to None, which shuffles if `augment` is given.
        seed: int >= 0. Seed of order and augmentation. Defaults to 0.
        cache: bool, "memory" or path. Keep decoded examples: True or "memory" (about height x width x 4 bytes per
            example), or the path of a folder. Defaults to False.
        repeat: bool. Repeat endlessly, in epochs of exactly `steps_per_epoch` batches; pass `steps_per_epoch` to
            `model.fit` too. Defaults to False.
        first_epoch: int >= 0. Number of the epoch to start with. Needs `repeat`. Defaults to 0.
        first_step: int >= 0. Number of the batch to start with in the first epoch. Needs `repeat`. Defaults to 0.
        steps_per_epoch: int >= 1. Batches per epoch. Defaults to None, for every example once
            (ceil(examples / batch_size)).
        workers: int >= 1. Examples decoded and augmented in parallel. Defaults to None: tf.data chooses, or one
            worker per core, at most 16 if they are processes.
        use_multiprocessing: bool. Whether the workers are processes instead of threads, each of which makes whole
            batches. It pays with several cores and a GPU; they take seconds to start and memory each. Needs loky and
            the loader in NumPy. Defaults to False.
        loader: "tensorflow" or "numpy". Defaults to None: TensorFlow where it is installed.
        process: int in 0..processes - 1. Which share of every batch to read, where several processes train one model.
            Defaults to 0.
        processes: int >= 1. Number of these processes. Each reads its own `batch_size / processes` examples of the
            batch that one process alone would read. More than 1 needs `repeat`. Defaults to 1.

    Returns:
        `tf.data.Dataset` or `keras.utils.PyDataset` of (image, mask): float32 (batch, height, width, channels) in
        0..255, or in the range of files of floats, and int32 (batch, height, width). In the first, heights and widths
        are static if all images have one size, or `image_size` or a crop defines one. Pass the second to `model.fit`
        with `shuffle=False`: it shuffles by itself.

    Raises:
        InputError: The folder or an argument cannot be used, or images of different sizes would have to be batched.
        ImportError: `loader="tensorflow"` or `use_multiprocessing=True`, and TensorFlow or loky is missing.

    Examples:
        >>> import tempfile
        >>> from keras_seg.augmentation import standard
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=4, val=2, image_size=(48, 64))
        ...     dataset = from_folder(path, split="train", batch_size=2, augment=standard(crop=32))
        ...     images, masks = next(iter(dataset))
        >>> images.shape, masks.shape
        (TensorShape([2, 32, 32, 3]), TensorShape([2, 32, 32]))
    """
    in_numpy = chosen_loader(loader) == "numpy"
    settings = BatchSettings(
        image_size=image_size, augment=augment, workers=workers, use_multiprocessing=use_multiprocessing
    )
    settings.check_loader(in_numpy=in_numpy)
    if isinstance(path, DataIndex):
        index = path
        refuse_scan_arguments(
            index,
            split,
            num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            label_map=label_map,
            colors=colors,
            channels=channels,
            exif_orientation=exif_orientation,
        )
    else:
        index = scan_folder(
            path,
            split=split,
            num_classes=num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            label_map=label_map,
            colors=colors,
            channels=channels,
            workers=workers,
            exif_orientation=exif_orientation,
        )
    _check_void(index, augment)
    shuffle = augment is not None if shuffle is None else _validation.boolean("shuffle", shuffle)
    order = ExampleOrder(
        count=len(index),
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        first_step=first_step,
        steps_per_epoch=steps_per_epoch,
        process=process,
        processes=processes,
    )
    settings.check_sizes(index.common_size, batch_size, index.path)
    store = DecodedStore(index, cache=cache)
    if in_numpy:
        # What is kept in memory is kept once, in this process.
        here = use_multiprocessing and store.in_memory
        return ArrayBatches(
            _itself if here else store.get,
            order,
            settings,
            shuffle=shuffle,
            find=store.get if here else None,
            common_size=index.common_size,
            itemsize=np.dtype(index.image_dtype).itemsize,
        )
    import tensorflow as tf

    types = (tf.as_dtype(index.image_dtype), tf.as_dtype(index._label_dtype))

    def load(position: Tensor) -> tuple[Tensor, Tensor]:
        image, mask = tf.numpy_function(store.get, [position], types, stateful=False)
        height, width = index.common_size or (None, None)
        image.set_shape((height, width, index.channels))
        mask.set_shape((height, width))
        return image, mask

    def once(seed: Tensor) -> tf.data.Dataset:
        if not shuffle:
            return tf.data.Dataset.range(len(index))
        # Sorted random numbers: tf.random.experimental.index_shuffle needs no memory, but is far from uniform for small
        # counts (over 200 permutations of ten, one number came to one place 43 times instead of 20).
        draws = tf.random.stateless_uniform((len(index),), seed, dtype=tf.float64)
        return tf.data.Dataset.from_tensor_slices(tf.cast(tf.argsort(draws, stable=True), tf.int64))

    return batches(order.epochs(once), load, order, settings)


def chosen_loader(loader: str | None) -> str:
    """Which library reads the data: "tensorflow" or "numpy"."""
    if loader is None:
        return "tensorflow" if importlib.util.find_spec("tensorflow") else "numpy"
    if _validation.one_of("loader", loader, ("tensorflow", "numpy")) == "tensorflow":
        _validation.optional_import("tensorflow", "tensorflow", '`loader="tensorflow"`')
    return loader


def _itself(example: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return example


def _check_void(index: DataIndex, augment: Augment | None) -> None:
    """Refuse an augmentation whose label of pixels outside of the image stands for objects or classes in the index."""
    marks = getattr(augment, "ignore_class", None)
    if isinstance(marks, tuple) and marks and index._is_taken(marks[0]):
        own = index.ignore_class[0] if index.ignore_class else None
        rule = f"must not mark pixels by a label that has another meaning in this {type(index).__name__}"
        _validation.fail("augment", rule, f"ignore_class={marks[0]}", f"Give it ignore_class={own}.")


def refuse_scan_arguments(
    index: DataIndex | ShardIndex,
    split: str | None,
    num_classes: int | None,
    *,
    ignore_class: IgnoreClass,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[int, int] | None = None,
    colors: Mapping[tuple[int, int, int], int] | None = None,
    channels: int | None = None,
    exif_orientation: str | None = None,
) -> None:
    """Refuse arguments of a scan beside an index that was scanned with others: they would have no effect."""
    given: dict[str, Any] = {
        "split": split,
        "num_classes": num_classes,
        "ignore_class": _validation.ignored_classes(ignore_class) or None,
        "class_names": class_names and tuple(class_names),
        "label_map": label_map,
        "channels": channels,
        "colors": colors,
        "exif_orientation": exif_orientation,
    }
    for name, value in given.items():
        if value is not None and value != getattr(index, name, None):
            fix = f"Pass {name} to {index._SCAN}."
            _validation.fail(name, f"cannot change a {type(index).__name__}", value, fix)
