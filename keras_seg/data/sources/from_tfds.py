"""Batches from TensorFlow Datasets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg import _files, _validation
from keras_seg._types import IgnoreClass, PathLike, Size, Tensor
from keras_seg._validation import InputError
from keras_seg.data.index.label_encoding import as_label_map, listed_values
from keras_seg.data.pipeline.batches import Augment, BatchSettings, ExampleOrder, batches

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

_SHUFFLE_BUFFER = 512


def from_tfds(
    builder: str | tfds.core.DatasetBuilder,
    split: str,
    *,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    label_map: Mapping[int, int] | None = None,
    batch_size: int = 8,
    augment: Augment | None = None,
    image_size: Size | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    cache: bool | PathLike = False,
    repeat: bool = False,
    first_epoch: int = 0,
    steps_per_epoch: int | None = None,
    workers: int | None = None,
    image_key: str = "image",
    mask_key: str = "segmentation_mask",
    shuffle_buffer: int | None = None,
    data_dir: PathLike | None = None,
    download: bool = True,
) -> tf.data.Dataset:
    """A `tf.data.Dataset` of batches from any TensorFlow Datasets builder with an image and a segmentation mask.

    It gives the same batches as `from_folder`, except that examples are read in the order of the files and `shuffle`
    uses a buffer. Order and augmentation are functions of (seed, epoch, position) here too.

    Other arguments: see `from_folder`.

    Args:
        builder: str, name of a dataset ("oxford_iiit_pet", "oxford_iiit_pet:4.0.0"), or a `tfds.core.DatasetBuilder`.
        split: str. "train", "test[:80%]", ...
        num_classes: int >= 2. With it, a label that is neither a class nor ignored stops training with an error.
            Defaults to None, which does not check labels.
        label_map: dict from every value in the masks to its id, except for those of `ignore_class`, and 0 if no other
            value becomes 0. Another value stops training with an error. oxford_iiit_pet counts from 1:
            {1: 0, 2: 1, 3: 2}. Defaults to None.
        cache: bool, "memory" or path. Keep decoded examples: True or "memory", or in files whose names begin with the
            path; each split has files of its own. Defaults to False.
        workers: int >= 1. Examples augmented in parallel. Defaults to None: tf.data chooses.
        image_key: str. Feature that holds the image. Defaults to "image".
        mask_key: str. Feature that holds the mask. Defaults to "segmentation_mask".
        shuffle_buffer: int >= 1. Decoded examples held for shuffling; the order is uniformly random only if it holds
            all of them. Defaults to None, for 512.
        data_dir: path. Folder of the prepared datasets, for a `builder` given by name. Defaults to None, for
            ~/tensorflow_datasets.
        download: bool. Download and prepare a dataset that is not prepared yet. Defaults to True.

    Returns:
        `tf.data.Dataset` of (image, mask): float32 (batch, height, width, channels) in 0..255 and int32 (batch, height,
        width).

    Raises:
        InputError: The dataset, split or feature does not exist, the dataset cannot be downloaded, or an argument is
            out of range.
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
    settings = BatchSettings(image_size=image_size, augment=augment, workers=workers)
    if num_classes is not None:
        _validation.integer("num_classes", num_classes, 2)
    ignored = _validation.ignored_classes(ignore_class)
    shuffle = augment is not None if shuffle is None else _validation.boolean("shuffle", shuffle)
    if shuffle_buffer is not None:
        _validation.integer("shuffle_buffer", shuffle_buffer)
        if not shuffle:
            fix = "Remove it, or pass shuffle=True."
            _validation.fail("shuffle_buffer", "has no effect without shuffling", shuffle_buffer, fix)
    _validation.boolean("download", download)
    if not isinstance(cache, (bool, str, os.PathLike)) or cache == "":
        _validation.fail("cache", "must be False, True, 'memory' or the path of a file", cache)
    source_builder = _prepared(tfds, builder, data_dir, download=download)
    name = source_builder.info.full_name
    image_feature = _image_feature(source_builder, image_key, mask_key)
    count = _count(source_builder, split)
    order = ExampleOrder(
        count=count,
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
    )
    height, width, channels = image_feature.shape
    settings.check_sizes((height, width) if height and width else None, batch_size, name)
    lookup = as_label_map(label_map or {})
    listed = listed_values(lookup, ignored) if lookup else None

    def load(example: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        image, mask = example
        if image.dtype == tf.uint16:
            image = tf.cast(image, tf.float32) * (255.0 / 65535.0)
        mask = tf.cast(mask[..., 0] if mask.shape.rank == 3 else mask, tf.int32)
        if listed is not None:
            fix = "Add it with its id, or pass ignore_class=... if it marks pixels without a class."
            mask = _checked(
                mask, listed, before=f"{name}: holds value ", after=f", which label_map does not list. {fix}"
            )
        ids = mask
        for value, id_ in lookup.items():
            ids = tf.where(mask == value, id_, ids)
        if num_classes is not None:
            fix = "Pass num_classes=..., label_map={...}, or ignore_class=... if it marks pixels without a class."
            rule = f", outside the {num_classes} classes 0..{num_classes - 1}. {fix}"
            ids = _checked(ids, ignored, span=(0, num_classes), before=f"{name}: holds label ", after=rule)
        image.set_shape((height, width, channels))
        ids.set_shape((height, width))
        return image, ids

    # The same order of reading for any number of files and cores.
    config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
    source = source_builder.as_dataset(split=split, shuffle_files=False, read_config=config)
    source = source.map(lambda example: (example[image_key], example[mask_key]), num_parallel_calls=tf.data.AUTOTUNE)
    if cache is not False:
        of_what = (str(source_builder.data_dir), str(split), image_key, mask_key)
        source = source.cache("" if cache is True or cache == "memory" else _cache_file(cache, of_what))

    def once(seed: Tensor) -> tf.data.Dataset:
        if not shuffle:
            return source
        # Like `source.shuffle(seed=...)`, except that it ignores TensorFlow's global seed.
        variant = tf.raw_ops.ShuffleDataset(
            input_dataset=tf.data.experimental.to_variant(source),
            buffer_size=tf.constant(min(count, shuffle_buffer or _SHUFFLE_BUFFER), tf.int64),
            seed=seed[0],
            seed2=tf.maximum(tf.abs(seed[1]), 1),  # Both 0 would mean "at random".
            output_types=[spec.dtype for spec in tf.nest.flatten(source.element_spec)],
            output_shapes=[spec.shape for spec in tf.nest.flatten(source.element_spec)],
            reshuffle_each_iteration=False,
        )
        return tf.data.experimental.from_variant(variant, source.element_spec)

    return batches(order.epochs(once), load, order, settings)


def _prepared(tfds: Any, builder: Any, data_dir: PathLike | None, *, download: bool) -> Any:
    """The builder, with its data on disk."""
    if isinstance(builder, tfds.core.DatasetBuilder):
        if data_dir is not None:
            fix = "Create the builder with this data_dir."
            _validation.fail("data_dir", "applies to a `builder` given by name", data_dir, fix)
    else:
        if not isinstance(builder, str):
            _validation.fail("builder", "must be the name of a dataset or a tfds.core.DatasetBuilder", builder)
        try:
            builder = tfds.builder(builder, data_dir=data_dir)
        except tfds.core.DatasetNotFoundError as error:
            fix = _validation.nearest(builder, tfds.list_builders())
            # All data sets are too many for one line.
            fix = fix if fix.startswith("Did") else "See https://www.tensorflow.org/datasets/catalog."
            raise InputError(f"TensorFlow Datasets has no dataset {builder!r}. {fix}") from error
        # A name that is not of the form name/config:version, and configurations and versions that do not exist.
        except Exception as error:
            reason = " ".join(str(error).split())[:500] or type(error).__name__
            fix = "Check its name, configuration and version."
            raise InputError(f"{builder}: cannot be opened by TensorFlow Datasets ({reason}). {fix}") from error
    if builder.is_prepared():
        return builder
    name = builder.info.full_name
    if not download:
        raise InputError(f"{name}: is not prepared in {builder.data_dir}. Pass download=True or data_dir=...")
    try:
        builder.download_and_prepare()
    # Builders download and unpack with their own code, which may raise any exception.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{name}: could not be downloaded and prepared ({reason}). Pass the data_dir of a prepared copy."
        ) from error
    return builder


def _cache_file(path: PathLike, of_what: tuple[str, ...]) -> str:
    """The path of a cache of decoded examples, which begins with `path`; its folder is made.

    TensorFlow gives what a file holds without a look at the data, so that others must have another name.
    """
    file = f"{os.fspath(path)}-{hashlib.sha1(' '.join(of_what).encode()).hexdigest()[:16]}"
    folder = os.path.dirname(file)
    if folder and "://" not in folder:  # TensorFlow opens addresses of stores itself.
        try:
            _files.make_folder(folder)
        except OSError as error:
            raise _files.not_writable(file, error) from error
    return file


def _image_feature(builder: Any, image_key: str, mask_key: str) -> Any:
    """The image feature, after checks of both features."""
    name, features = builder.info.full_name, builder.info.features
    found = ", ".join(f"{key} {tuple(feature.shape)}" for key, feature in features.items() if hasattr(feature, "shape"))
    for argument, key in (("image_key", image_key), ("mask_key", mask_key)):
        if key not in features:
            raise InputError(f"{name}: has no feature {key!r}. It has: {found}. Pass {argument}=...")
    image, mask = features[image_key], features[mask_key]
    if len(image.shape or ()) != 3 or image.shape[-1] not in (1, 3, 4):
        raise InputError(f"{name}: feature {image_key!r} of shape {image.shape} is not an image. It has: {found}.")
    whole = np.issubdtype(np.dtype(mask.np_dtype), np.integer)
    if not whole or not (len(mask.shape) == 2 or (len(mask.shape) == 3 and mask.shape[-1] == 1)):
        raise InputError(
            f"{name}: feature {mask_key!r} of shape {tuple(mask.shape)} and type {np.dtype(mask.np_dtype).name} "
            f"is not a mask of one id per pixel. It has: {found}."
        )
    return image


def _count(builder: Any, split: str) -> int:
    """Number of examples of a split, which may be a slice."""
    name, splits = builder.info.full_name, builder.info.splits
    try:
        count = splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise InputError(f"{name}: there is no split {split!r}. It has: {', '.join(sorted(splits))}.") from error
    if count == 0:
        raise InputError(f"{name}: split {split!r} holds no examples. It has: {', '.join(sorted(splits))}.")
    return count


def _checked(mask: Tensor, listed: Iterable[int], *, span: tuple[int, int] = (0, 0), before: str, after: str) -> Tensor:
    """The mask, after an assertion that names the largest value that is neither in the span nor listed."""
    import tensorflow as tf

    valid = (mask >= span[0]) & (mask < span[1])
    for value in sorted(listed):
        valid |= mask == value
    wrong = tf.strings.as_string(tf.reduce_max(tf.where(valid, tf.int32.min, mask)))
    # The prefix is what `unwrap_error` looks for.
    message = tf.strings.join(["InputError: " + before, wrong, after])
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(valid), [message])]):
        return tf.identity(mask)
