"""The common end of every pipeline: order, resize, augment and batch, all from (seed, epoch, position)."""

import dataclasses
import functools
import itertools
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._validation import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a dataset of examples is gone through.

    Args:
        count: number of examples.
        batch_size: examples a batch.
        seed: of the order and the augmentation.
        repeat: go on without end, in epochs of `steps_per_epoch` batches.
        first_epoch: number of the first epoch, for runs that go on where they were stopped.
        steps_per_epoch: batches an epoch; all examples once by default.
    """

    count: int
    batch_size: int
    seed: int
    repeat: bool
    first_epoch: int
    steps_per_epoch: int | None

    def __post_init__(self):
        _validation.integer("batch_size", self.batch_size)
        _validation.integer("seed", self.seed, 0)
        _validation.integer("first_epoch", self.first_epoch, 0)
        if self.steps_per_epoch is not None:
            _validation.integer("steps_per_epoch", self.steps_per_epoch)
        if self.first_epoch and not self.repeat:
            _validation.fail("first_epoch", "needs repeat=True", self.first_epoch)

    @property
    def steps(self):
        """Batches an epoch."""
        return self.steps_per_epoch or -(-self.count // self.batch_size)

    @property
    def examples(self):
        """Examples an epoch. Whole batches where epochs follow one another, so that none straddles two epochs."""
        whole = self.steps * self.batch_size
        return whole if self.repeat or self.steps_per_epoch else self.count

    def walk(self, once):
        """All epochs, one after the other.

        Args:
            once: callable of a seed (an int64 pair) that gives the dataset of all examples, in the order the seed asks
                for.

        Returns:
            `tf.data.Dataset` of (seed, example): the int64 pair is the example's own, in this place of this epoch.
        """
        import tensorflow as tf

        fold_in = tf.random.experimental.stateless_fold_in

        def epoch(key):
            first = fold_in(tf.stack([tf.constant(self.seed, tf.int64), key]), 0)
            # An epoch longer than the data goes through it again, in another order.
            cycles = tf.data.Dataset.range(-(-self.examples // self.count))
            order = cycles.flat_map(lambda cycle: once(fold_in(first, -1 - cycle))).take(self.examples)
            return order.enumerate().map(lambda step, example: (fold_in(first, step), example))

        if self.repeat:
            keys = tf.data.Dataset.counter(self.first_epoch)
        else:
            # Dataset.random(rerandomize_each_iteration=True) would do, but mixes in TensorFlow's global seed.
            epochs = itertools.count()
            keys = tf.data.Dataset.from_tensors(0).map(
                lambda _: tf.ensure_shape(tf.numpy_function(lambda: next(epochs), [], tf.int64), ())
            )
        return keys.flat_map(epoch)


@dataclasses.dataclass(frozen=True)
class Finish:
    """What happens to an example between decoding and batching.

    Args:
        size: (height, width) that image and mask are resized to first, or None.
        augment: callable of (image, mask, seed), or None.
        workers: examples worked on at the same time, or None to let tf.data choose.
    """

    size: tuple | None
    augment: Any
    workers: int | None

    def __post_init__(self):
        if self.augment is not None and not callable(self.augment):
            _validation.fail("augment", "must be None or a callable of (image, mask, seed)", self.augment)
        if isinstance(self.augment, keras.layers.Layer):
            fix = "Pass its augmentation: augment=layer.augmentation; the layer belongs into the model."
            _validation.fail("augment", "cannot be a layer, which takes no seed", self.augment.name, fix)
        if self.size is not None:
            object.__setattr__(self, "size", _validation.pair("size", self.size))
        if self.workers is not None:
            _validation.integer("workers", self.workers)

    def check_sizes(self, common_size, batch_size, name):
        """Refuse to batch images that will differ in size. An augmentation without a `crop` may do anything."""
        same = common_size or self.size or (self.augment is not None and getattr(self.augment, "crop", True))
        if not same and batch_size > 1:
            raise InputError(
                f"{name}: the images differ in size, so they cannot be batched by {batch_size}. "
                "Pass size=(height, width), an augmentation with a crop, or batch_size=1."
            )


def batches(examples, load, schedule, finish):
    """Batch examples.

    Args:
        examples: `tf.data.Dataset` of (seed, example), as `Schedule.walk` gives it.
        load: callable of an example that gives the image (height, width, channels) and the mask (height, width).
        schedule: a `Schedule`.
        finish: a `Finish`.

    Returns:
        `tf.data.Dataset` of image float32 (batch, height, width, channels) and mask int32 (batch, height, width).
    """
    import tensorflow as tf

    def one(seed, example):
        image, mask = load(example)
        if finish.size is not None:
            # Antialiased, as a photo shrunk by dropping pixels would not look like one any more.
            image = tf.clip_by_value(tf.image.resize(image, finish.size, antialias=True), 0.0, 255.0)
            mask = tf.image.resize(mask[..., None], finish.size, method="nearest")[..., 0]
        return image, mask, seed

    def augmented(image, mask, seed):
        if finish.augment is not None:
            image, mask = finish.augment(image, mask, seed)
        return tf.cast(image, tf.float32), tf.cast(mask, tf.int32)

    def batched(dataset):
        # With equal batches the batch size is part of the static shape, which spares JAX and XLA a second compilation.
        return dataset.batch(schedule.batch_size, drop_remainder=schedule.examples % schedule.batch_size == 0)

    def parallel(dataset, function):
        return dataset.map(
            tf.autograph.experimental.do_not_convert(function),
            num_parallel_calls=finish.workers or tf.data.AUTOTUNE,
            deterministic=True,
        )

    dataset = parallel(examples, one)
    image, mask, _ = dataset.element_spec
    if gains_by_batches(finish.augment, image, mask):
        whole = functools.partial(augment_whole, finish.augment, schedule.batch_size)
        dataset = parallel(batched(dataset), whole)
    else:
        # In the same map: images of any size are passed on for nothing otherwise.
        dataset = batched(parallel(examples, lambda seed, example: augmented(*one(seed, example))))
    cardinality = tf.data.INFINITE_CARDINALITY if schedule.repeat else schedule.steps
    return dataset.apply(tf.data.experimental.assert_cardinality(cardinality)).prefetch(tf.data.AUTOTUNE)


def gains_by_batches(augment, image, mask):
    """Whether an augmentation offers to do whole batches faster than image by image. Other callables do not."""
    offer = getattr(augment, "gains_by_batches", None)
    return offer is not None and offer(image, mask)


def augment_whole(augment, batch_size, image, *, mask, seeds):
    """A batch, each image as by itself. One that is not full is filled up, so that one compiled size serves all."""
    import tensorflow as tf

    if image.shape[0] is not None:
        return augment.of_batch(image, mask, seeds)
    count = tf.shape(seeds)[0]
    given = (image, mask, seeds)
    rows = tf.minimum(tf.range(batch_size), count - 1)
    full = tf.cond(count == batch_size, lambda: given, lambda: tuple(tf.gather(x, rows) for x in given))
    full = (tf.ensure_shape(x, (batch_size, *x.shape[1:])) for x in full)
    return tuple(x[:count] for x in augment.of_batch(*full))
