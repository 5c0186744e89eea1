"""Batches from a folder of images and masks."""

from keras_seg import _validation
from keras_seg.data.index.data_index import Examples
from keras_seg.data.index.folder_index import scan_folder
from keras_seg.data.pipeline.batches import Finish, Schedule, batches
from keras_seg.data.pipeline.decoded_store import DecodedStore


def from_folder(
    path,
    *,
    split=None,
    num_classes=None,
    ignore_class=None,
    class_names=None,
    batch_size=8,
    augment=None,
    size=None,
    shuffle=None,
    seed=0,
    cache=False,
    repeat=False,
    first_epoch=0,
    steps_per_epoch=None,
    channels=None,
    workers=None,
    label_map=None,
    colors=None,
):
    """A `tf.data.Dataset` of batches from a folder of images and masks, for `model.fit` on every backend.

    The folder is scanned first (`scan_folder`), so that whatever is wrong with it is said in one line before training.
    Order and augmentation are functions of (seed, epoch, position): the same arguments give the same data, however many
    cores there are. With `repeat=True`, `first_epoch=k` gives exactly what an uninterrupted run would have had from
    epoch k on.

    Args:
        path: a folder or a pair of text files (see `find_pairs`), or a `FolderIndex`, which spares the scan. An
            `InstanceIndex` gives maps that number the objects in place of masks.
        split: "train", "val", ... for folders that are divided.
        num_classes: number of classes, or None to find it in the masks.
        ignore_class: label or labels of pixels without a class.
        class_names: one name a class.
        batch_size: examples a batch. The last batch may be smaller, unless `repeat`.
        augment: callable of (image, mask, seed), as `keras_seg.augmentation.standard(...)`, or None.
        size: (height, width) in pixels that every image is resized to (antialiased bilinear, its mask nearest) before
            it is augmented, or None. The aspect ratio is not kept.
        shuffle: another order in every epoch; by default only with `augment`.
        seed: int of at least 0.
        cache: keep decoded examples: False, True or "memory" (about height x width x 4 bytes an example), or the path
            of a folder.
        repeat: go on without end, in epochs of exactly `steps_per_epoch` batches; pass `steps_per_epoch` to `model.fit`
            then.
        first_epoch: number of the epoch to begin with. Needs `repeat`.
        steps_per_epoch: batches an epoch; by default what holds every example once (ceil(examples / batch_size)).
        channels: 3 (RGB, the default), 1 (gray), 4, or what `.npy` images have.
        workers: examples decoded and augmented at the same time; tf.data chooses by default.
        label_map: dict from a value in the masks to its id.
        colors: dict from color (red, green, blue) to id, for masks painted in colors.

    Returns:
        `tf.data.Dataset` of (image, mask): float32 (batch, height, width, channels) in 0..255 and int32 (batch, height,
        width). Heights and widths are static where all images have one size, or `size` or a crop gives one.

    Raises:
        InputError: the folder or an argument cannot be used, in one line that says what to do; also where images of
            different sizes would have to be batched.
        ImportError: TensorFlow is missing; it does the input on every backend.

    Examples:
        >>> import tempfile
        >>> from keras_seg.augmentation import standard
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_shapes(folder, train=4, val=2, size=(48, 64))
        ...     dataset = from_folder(folder, split="train", batch_size=2, augment=standard(crop=32))
        ...     images, masks = next(iter(dataset))
        >>> images.shape, masks.shape
        (TensorShape([2, 32, 32, 3]), TensorShape([2, 32, 32]))
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "`from_folder` (tf.data)")
    finish = Finish(size, augment, workers)
    index = path
    if not isinstance(path, Examples):
        index = scan_folder(
            path,
            split=split,
            num_classes=num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            label_map=label_map,
            colors=colors,
            channels=3 if channels is None else channels,
            workers=workers,
        )
    else:
        refuse_scan_arguments(
            index,
            split,
            num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            label_map=label_map,
            colors=colors,
            channels=channels,
        )
    shuffle = augment is not None if shuffle is None else bool(shuffle)
    schedule = Schedule(
        count=len(index),
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
    )
    finish.check_sizes(index.common_size, batch_size, index.path)
    store = DecodedStore(index, cache=cache)
    types = (tf.as_dtype(index.image_dtype), tf.as_dtype(index.label_dtype))

    def load(position):
        image, mask = tf.numpy_function(store.get, [position], types, stateful=False)
        height, width = index.common_size or (None, None)
        image.set_shape((height, width, index.channels))
        mask.set_shape((height, width))
        return image, mask

    def once(seed):
        if not shuffle:
            return tf.data.Dataset.range(len(index))
        # Sorted random numbers: tf.random.experimental.index_shuffle needs no memory, but is far from uniform for small
        # counts (over 200 permutations of ten, one number came to one place 43 times instead of 20).
        draws = tf.random.stateless_uniform((len(index),), seed, dtype=tf.float64)
        return tf.data.Dataset.from_tensor_slices(tf.cast(tf.argsort(draws, stable=True), tf.int64))

    return batches(schedule.walk(once), load, schedule, finish)


def refuse_scan_arguments(
    index, split, num_classes, *, ignore_class, class_names=None, label_map=None, colors=None, channels=None
):
    """An index was scanned with these arguments; taken silently, others would be lost."""
    given = {
        "split": split,
        "num_classes": num_classes,
        "ignore_class": _validation.ignored_classes(ignore_class) or None,
        "class_names": class_names and tuple(class_names),
        "label_map": label_map,
        "channels": channels,
        "colors": colors,
    }
    for name, value in given.items():
        if value is not None and value != getattr(index, name, None):
            kind = type(index).__name__
            scan = "scan_folder" if kind == "FolderIndex" else "scan_instances"
            _validation.fail(name, f"cannot change a {kind}", value, f"Pass {name} to {scan}.")
