"""Batches from TensorFlow Datasets."""

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.pipeline.batches import Finish, Schedule, batches


def from_tfds(
    builder,
    split,
    *,
    image_key="image",
    mask_key="segmentation_mask",
    num_classes=None,
    ignore_class=None,
    label_map=None,
    batch_size=8,
    augment=None,
    size=None,
    shuffle=None,
    seed=0,
    cache=False,
    repeat=False,
    first_epoch=0,
    steps_per_epoch=None,
    workers=None,
    shuffle_buffer=512,
    data_dir=None,
    download=True,
):
    """A `tf.data.Dataset` of batches from any TensorFlow Datasets builder with an image and a segmentation mask.

    It gives what `from_folder` gives, in the same way, but reads the examples in the order of the files: `shuffle` goes
    through a buffer. Order and augmentation are functions of (seed, epoch, position) here too.

    Args:
        builder: name of a dataset ("oxford_iiit_pet", "oxford_iiit_pet:4.0.0") or a `tfds.core.DatasetBuilder`.
        split: "train", "test[:80%]", ...
        image_key: feature that holds the image.
        mask_key: feature that holds the mask.
        num_classes: number of classes. With it, a label outside the classes that is not ignored stops the training with
            an error.
        ignore_class: label or labels of pixels without a class.
        label_map: dict from a value in the masks to its id. oxford_iiit_pet counts from 1: {1: 0, 2: 1, 3: 2}.
        batch_size: examples a batch.
        augment: callable of (image, mask, seed), as `keras_seg.augmentation.standard(...)`, or None.
        size: (height, width) in pixels that every image is resized to before it is augmented, or None.
        shuffle: another order in every epoch; by default only with `augment`.
        seed: int of at least 0.
        cache: keep decoded examples: False, True or "memory", or the path of a file.
        repeat: go on without end, in epochs of exactly `steps_per_epoch` batches.
        first_epoch: number of the epoch to begin with. Needs `repeat`.
        steps_per_epoch: batches an epoch; by default what holds every example once.
        workers: examples augmented at the same time; tf.data chooses by default.
        shuffle_buffer: decoded examples held for shuffling. Every example is as likely anywhere only if it holds all.
        data_dir: folder of the prepared datasets; ~/tensorflow_datasets by default. For a name only.
        download: download and prepare a dataset that is not there yet.

    Returns:
        `tf.data.Dataset` of (image, mask): float32 (batch, height, width, channels) in 0..255 and int32 (batch, height,
        width).

    Raises:
        InputError: no such dataset, split or feature, or a dataset that is neither there nor can be downloaded.
        ImportError: TensorFlow or TensorFlow Datasets is missing.

    Examples:

    ```python
    pets = keras_seg.data.from_tfds(
        "oxford_iiit_pet", "train", num_classes=3, label_map={1: 0, 2: 1, 3: 2}, batch_size=16,
        augment=keras_seg.augmentation.standard(crop=(224, 224)),
    )
    model.fit(pets, epochs=10)
    ```
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "`from_tfds` (tf.data)")
    tfds = _validation.optional_import("tensorflow_datasets", "tfds", "`from_tfds`")
    finish = Finish(size, augment, workers)
    if num_classes is not None:
        _validation.integer("num_classes", num_classes, 2)
    ignored = _validation.ignored_classes(ignore_class)
    _validation.integer("shuffle_buffer", shuffle_buffer)
    builder = _prepared(tfds, builder, data_dir, download)
    name = builder.info.full_name
    image_feature = _image_feature(builder, image_key, mask_key)
    count = _count(builder, split)
    shuffle = augment is not None if shuffle is None else bool(shuffle)
    schedule = Schedule(
        count=count,
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
    )
    height, width, channels = image_feature.shape
    finish.check_sizes((height, width) if height and width else None, batch_size, name)
    lookup = [(int(value), int(id_)) for value, id_ in (label_map or {}).items()]

    def load(example):
        image, mask = example
        if image.dtype == tf.uint16:
            image = tf.cast(image, tf.float32) * (255.0 / 65535.0)
        mask = tf.cast(mask[..., 0] if mask.shape.rank == 3 else mask, tf.int32)
        ids = mask
        for value, id_ in lookup:
            ids = tf.where(mask == value, id_, ids)
        if num_classes is not None:
            ids = _checked(tf, ids, num_classes, ignored=ignored, name=name)
        image.set_shape((height, width, channels))
        ids.set_shape((height, width))
        return image, ids

    # One order of reading, whatever the number of files and cores.
    config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
    source = builder.as_dataset(split=split, shuffle_files=False, read_config=config)
    source = source.map(lambda example: (example[image_key], example[mask_key]), num_parallel_calls=tf.data.AUTOTUNE)
    if cache:
        source = source.cache("" if cache in (True, "memory") else str(cache))

    def once(seed):
        if not shuffle:
            return source
        # What source.shuffle(seed=...) does, but for TensorFlow's global seed, which that mixes in.
        variant = tf.raw_ops.ShuffleDataset(
            input_dataset=tf.data.experimental.to_variant(source),
            buffer_size=tf.constant(min(count, shuffle_buffer), tf.int64),
            seed=seed[0],
            seed2=tf.maximum(tf.abs(seed[1]), 1),  # Both 0 would mean "at random".
            output_types=[spec.dtype for spec in tf.nest.flatten(source.element_spec)],
            output_shapes=[spec.shape for spec in tf.nest.flatten(source.element_spec)],
            reshuffle_each_iteration=False,
        )
        return tf.data.experimental.from_variant(variant, source.element_spec)

    return batches(schedule.walk(once), load, schedule, finish)


def _prepared(tfds, builder, data_dir, download):
    """The builder, with its data on disk."""
    if not isinstance(builder, tfds.core.DatasetBuilder):
        if not isinstance(builder, str):
            _validation.fail("builder", "must be the name of a dataset or a tfds.core.DatasetBuilder", builder)
        try:
            builder = tfds.builder(builder, data_dir=data_dir)
        except tfds.core.DatasetNotFoundError as error:
            fix = _validation.nearest(builder, tfds.list_builders())
            # The list of all data sets is too long to be of use in one line.
            fix = fix if fix.startswith("Did") else "See https://www.tensorflow.org/datasets/catalog."
            raise InputError(f"TensorFlow Datasets has no dataset {builder!r}. {fix}") from error
    if builder.is_prepared():
        return builder
    name = builder.info.full_name
    if not download:
        raise InputError(f"{name}: is not prepared in {builder.data_dir}. Pass download=True or data_dir=...")
    try:
        builder.download_and_prepare()
    # Builders download and unpack by their own code, which fails in its own ways.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{name}: could not be downloaded and prepared ({reason}). Pass data_dir=... where it is prepared already."
        ) from error
    return builder


def _image_feature(builder, image_key, mask_key):
    """The image feature, once it is sure that both features hold what they should."""
    name, features = builder.info.full_name, builder.info.features
    found = ", ".join(f"{key} {tuple(feature.shape)}" for key, feature in features.items() if hasattr(feature, "shape"))
    for argument, key in (("image_key", image_key), ("mask_key", mask_key)):
        if key not in features:
            raise InputError(f"{name}: has no feature {key!r}. It has: {found}. Pass {argument}=...")
    image, mask = features[image_key], features[mask_key]
    if len(image.shape or ()) != 3 or image.shape[-1] not in (1, 3, 4):
        raise InputError(f"{name}: feature {image_key!r} of shape {image.shape} is no image. It has: {found}.")
    whole = np.issubdtype(np.dtype(mask.np_dtype), np.integer)
    if not whole or not (len(mask.shape) == 2 or (len(mask.shape) == 3 and mask.shape[-1] == 1)):
        raise InputError(
            f"{name}: feature {mask_key!r} of shape {tuple(mask.shape)} and type {np.dtype(mask.np_dtype).name} "
            f"holds no mask of one id a pixel. It has: {found}."
        )
    return image


def _count(builder, split):
    """Number of examples of a split, which may be a slice."""
    name, splits = builder.info.full_name, builder.info.splits
    try:
        count = splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise InputError(f"{name}: there is no split {split!r}. It has: {', '.join(sorted(splits))}.") from error
    if count == 0:
        raise InputError(f"{name}: split {split!r} holds no examples. It has: {', '.join(sorted(splits))}.")
    return count


def _checked(tf, mask, num_classes, *, ignored, name):
    """The mask, after an assertion that names the first label that is neither a class nor ignored."""
    fine = (mask >= 0) & (mask < num_classes)
    for label in ignored:
        fine |= mask == label
    # The prefix is what `unwrap_error` looks for.
    before = f"InputError: {name}: holds label "
    after = (
        f", outside the {num_classes} classes 0..{num_classes - 1}. "
        "Pass num_classes=..., label_map={...}, or ignore_class=... if it marks pixels without a class."
    )
    label = tf.strings.as_string(tf.reduce_max(tf.where(fine, tf.int32.min, mask)))
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(fine), [tf.strings.join([before, label, after])])]):
        return tf.identity(mask)
