"""The last steps of every pipeline: order, resize, augment and batch, as functions of (seed, epoch, position)."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

from keras_seg import _philox, _validation
from keras_seg._types import Size, Tensor
from keras_seg._validation import InputError

if TYPE_CHECKING:
    import tensorflow as tf

# Each takes a few hundred MB, most of them for the backend.
_MOST_PROCESSES = 16

# A function of (image, mask, seed).
Augment = Callable[[Any, Any, Any], tuple[Any, Any]]


def share_of_batch(batch_size: int, process: int, processes: int) -> range:
    """The places in the batch of all processes that one of them reads.

    Raises:
        InputError: an argument is out of its range, or the batch cannot be divided.
    """
    _validation.integer("processes", processes)
    if _validation.integer("process", process, 0) >= processes:
        fix = "Processes are counted from 0."
        _validation.fail("process", f"must be less than processes={processes}", process, fix)
    if _validation.integer("batch_size", batch_size) % processes:
        fix = "It is the number of examples in the batch of all processes."
        _validation.fail("batch_size", f"must be a multiple of processes={processes}", batch_size, fix)
    size = batch_size // processes
    return range(process * size, (process + 1) * size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExampleOrder:
    """The order and number of examples in each epoch.

    Args:
        count: number of examples.
        batch_size: examples per batch.
        seed: of the order and the augmentation.
        repeat: whether to repeat endlessly, in epochs of `steps_per_epoch` batches.
        first_epoch: number of the first epoch, for resumed runs.
        first_step: number of the first batch in it.
        steps_per_epoch: batches per epoch, or None for all examples once.
        process: which share of every batch is read, counted from 0.
        processes: equal shares of a batch.
    """

    count: int
    batch_size: int
    seed: int
    repeat: bool
    first_epoch: int
    steps_per_epoch: int | None
    process: int = 0
    processes: int = 1
    first_step: int = 0

    def __post_init__(self) -> None:
        _validation.integer("batch_size", self.batch_size)
        _validation.integer("seed", self.seed, 0)
        _validation.boolean("repeat", self.repeat)
        _validation.integer("first_epoch", self.first_epoch, 0)
        if self.steps_per_epoch is not None:
            _validation.integer("steps_per_epoch", self.steps_per_epoch)
        if self.first_epoch and not self.repeat:
            _validation.fail("first_epoch", "needs repeat=True", self.first_epoch)
        if _validation.integer("first_step", self.first_step, 0) and not self.repeat:
            _validation.fail("first_step", "needs repeat=True", self.first_step)
        if self.first_step >= self.steps:
            _validation.fail("first_step", f"must be less than the {self.steps} batches of an epoch", self.first_step)
        share_of_batch(self.batch_size, self.process, self.processes)
        if self.processes > 1 and not self.repeat:
            _validation.fail("processes", "need repeat=True: only whole batches are divided", self.processes)

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return self.steps_per_epoch or -(-self.count // self.batch_size)

    @property
    def share(self) -> range:
        """The places in a batch that this process reads."""
        return share_of_batch(self.batch_size, self.process, self.processes)

    @property
    def examples(self) -> int:
        """Examples per epoch. When the dataset repeats, only whole batches, so that no batch spans two epochs."""
        whole = self.steps * self.batch_size
        return whole if self.repeat or self.steps_per_epoch else self.count

    def cycles(self, epoch: int) -> tuple[_philox.Seed, list[_philox.Seed]]:
        """The seed of the examples of an epoch, and one for each pass over the data; `epochs` uses the same ones.

        An epoch that is longer than the data starts over, in another order.
        """
        first = _philox.fold_in((self.seed, epoch), 0, bits=32)
        passes = range(-(-self.examples // self.count))
        return first, [_philox.fold_in(first, -1 - cycle, bits=64) for cycle in passes]

    def epochs(self, once: Callable[[Tensor], tf.data.Dataset]) -> tf.data.Dataset:
        """All epochs, one after the other.

        Args:
            once: function of a seed (an int64 pair) that returns the dataset of all examples in the order of that seed.

        Returns:
            `tf.data.Dataset` of (seed, example): an int64 pair for this example at this position of this epoch.
        """
        import tensorflow as tf

        fold_in = tf.random.experimental.stateless_fold_in  # pyright: ignore[reportAttributeAccessIssue] it exists

        def in_share(step: Any, _: Any) -> Tensor:
            place = step % self.batch_size
            return (place >= self.share.start) & (place < self.share.stop)

        def epoch(key: Tensor) -> tf.data.Dataset:
            first = fold_in(tf.stack([tf.constant(self.seed, tf.int64), key]), 0)
            # An epoch longer than the data starts over, in another order.
            cycles = tf.data.Dataset.range(-(-self.examples // self.count))
            order = cycles.flat_map(lambda cycle: once(fold_in(first, -1 - cycle)))
            # Only where examples are left over: `take` never asks for the end, at which TensorFlow completes the file
            # of a cache.
            if self.examples % self.count:
                order = order.take(self.examples)
            numbered = order.enumerate()
            if self.first_step:
                done = tf.where(key == self.first_epoch, self.first_step * self.batch_size, 0)
                numbered = numbered.skip(tf.cast(done, tf.int64))
            if self.processes > 1:
                numbered = numbered.filter(in_share)  # pyright: ignore[reportArgumentType] (It gets both.)
            return numbered.map(lambda step, example: (fold_in(first, step), example))

        if self.repeat:
            keys = tf.data.Dataset.counter(self.first_epoch)
        else:
            # Dataset.random(rerandomize_each_iteration=True) would do, but mixes in TensorFlow's global seed.
            epochs = itertools.count()
            keys = tf.data.Dataset.from_tensors(0).map(
                lambda _: tf.ensure_shape(tf.numpy_function(lambda: next(epochs), [], tf.int64), ())
            )
        return keys.flat_map(epoch)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """What happens to an example between decoding and batching.

    Args:
        image_size: (height, width) that image and mask are resized to first, or None.
        augment: function of (image, mask, seed), or None.
        workers: examples processed in parallel, or None to let tf.data choose.
        use_multiprocessing: whether workers are processes instead of threads, in NumPy.
    """

    image_size: Size | None = None
    augment: Augment | None = None
    workers: int | None = None
    use_multiprocessing: bool = False

    def __post_init__(self) -> None:
        if self.augment is not None:
            if not callable(self.augment):
                _validation.fail("augment", "must be None or a callable of (image, mask, seed)", self.augment)
            if isinstance(self.augment, keras.layers.Layer):
                fix = "Pass its augmentation: augment=layer.augmentation; the layer belongs in the model."
                _validation.fail(
                    "augment", "cannot be a layer, which takes no seed", getattr(self.augment, "name", None), fix
                )
        if self.image_size is not None:
            object.__setattr__(self, "image_size", _validation.pair("image_size", self.image_size))
        if self.workers is not None:
            _validation.integer("workers", self.workers)
        _validation.boolean("use_multiprocessing", self.use_multiprocessing)

    @property
    def parallel(self) -> int:
        """Workers in NumPy: as many as asked for, or one per core, if they are processes up to a limit."""
        cores = os.cpu_count() or 1
        return self.workers or (min(cores, _MOST_PROCESSES) if self.use_multiprocessing else cores)

    def check_loader(self, *, in_numpy: bool) -> None:
        """Refuse worker processes if loky is missing, or `tf.data` reads: its threads run native code side by side."""
        if self.use_multiprocessing and not in_numpy:
            fix = 'Pass loader="numpy", or leave it out: tf.data uses all cores.'
            _validation.fail("use_multiprocessing", "needs the loader in NumPy", self.use_multiprocessing, fix)
        if self.use_multiprocessing:
            _validation.optional_import("loky", "workers", "`use_multiprocessing=True`")

    def check_sizes(self, common_size: tuple[int, int] | None, batch_size: int, name: str) -> None:
        """Refuse to batch images that will differ in size.

        A callable without a `crop` attribute may return any size, so it is not checked.
        """
        same = common_size or self.image_size or (self.augment is not None and getattr(self.augment, "crop", True))
        if not same and batch_size > 1:
            raise InputError(
                f"{name}: the images differ in size, so they cannot be batched by {batch_size}. "
                "Pass image_size=(height, width), an augmentation with a crop, or batch_size=1."
            )


def batches(
    examples: tf.data.Dataset,
    load: Callable[[Any], tuple[Tensor, Tensor]],
    order: ExampleOrder,
    settings: BatchSettings,
) -> tf.data.Dataset:
    """Batch examples.

    Args:
        examples: `tf.data.Dataset` of (seed, example), as from `ExampleOrder.epochs`.
        load: function of an example that returns the image (height, width, channels) and the mask (height, width).
        order: an `ExampleOrder`.
        settings: a `BatchSettings`.

    Returns:
        `tf.data.Dataset` of image float32 (batch, height, width, channels) and mask int32 (batch, height, width).
    """
    import tensorflow as tf

    augment = settings.augment

    def one(seed: Tensor, example: Any) -> tuple[Tensor, Tensor, Tensor]:
        image, mask = load(example)
        if settings.image_size is not None:
            # Antialiased: a photo that is shrunk by dropping pixels no longer looks like a photo. Not clipped: means of
            # pixels are in their range, which is another than 0..255 for some images of floats.
            image = tf.image.resize(image, settings.image_size, antialias=True)
            mask = tf.image.resize(mask[..., None], settings.image_size, method="nearest")[..., 0]
        return image, mask, seed

    def augmented(image: Tensor, mask: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        if augment is not None:
            image, mask = augment(image, mask, seed)
        return tf.cast(image, tf.float32), tf.cast(mask, tf.int32)

    def batched(dataset: tf.data.Dataset) -> tf.data.Dataset:
        # With equal batches the batch size is part of the static shape, which saves JAX and XLA a second compilation.
        return dataset.batch(len(order.share), drop_remainder=order.examples % order.batch_size == 0)

    def parallel(dataset: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
        return dataset.map(
            tf.autograph.experimental.do_not_convert(function),
            num_parallel_calls=settings.workers or tf.data.AUTOTUNE,
            deterministic=True,
        )

    dataset = parallel(examples, one)
    specs: Any = dataset.element_spec
    image, mask, _ = specs
    if _gains_by_batches(augment, image, mask):
        dataset = parallel(batched(dataset), functools.partial(_augment_whole, augment, len(order.share)))
    else:
        # In one map: between two, images of varying size would be copied for nothing.
        dataset = batched(parallel(examples, lambda seed, example: augmented(*one(seed, example))))
    cardinality = tf.data.INFINITE_CARDINALITY if order.repeat else order.steps
    return dataset.apply(tf.data.experimental.assert_cardinality(cardinality)).prefetch(tf.data.AUTOTUNE)


def _gains_by_batches(augment: Any, image: Tensor, mask: Tensor) -> bool:
    """Whether an augmentation processes whole batches faster than single images. Plain callables do not."""
    offer = getattr(augment, "gains_by_batches", None)
    return offer is not None and offer(image, mask)


def _augment_whole(augment: Any, batch_size: int, *given: Tensor) -> tuple[Tensor, Tensor]:
    """A batch of (images, masks, seeds), each image as if alone.

    A batch that is not full is padded, so that one compiled size serves all.
    """
    import tensorflow as tf

    if given[0].shape[0] is not None:
        return augment.of_batch(*given)
    count = tf.shape(given[2])[0]
    rows = tf.minimum(tf.range(batch_size), count - 1)
    full = tf.cond(count == batch_size, lambda: given, lambda: tuple(tf.gather(x, rows) for x in given))
    full = (tf.ensure_shape(x, (batch_size, *x.shape[1:])) for x in full)
    images, masks = augment.of_batch(*full)
    return images[:count], masks[:count]
