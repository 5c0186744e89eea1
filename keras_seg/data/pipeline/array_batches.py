"""Batches in NumPy, for training without TensorFlow: the same examples in the same order as from `tf.data`."""

import concurrent.futures
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import keras
import numpy as np

from keras_seg import _philox
from keras_seg.data.pipeline.batch_processes import BatchProcesses
from keras_seg.data.pipeline.batches import BatchSettings, ExampleOrder
from keras_seg.data.pipeline.example_maker import Example, ExampleMaker, stacked

# Batches that are made while the model is trained with the current one.
_AHEAD = 4

Batch = tuple[Any, ...]


class ArrayBatches(keras.utils.PyDataset):
    """Batches of (image, mask) in NumPy for `model.fit` on every backend; `from_folder` makes them.

    A dataset that does not repeat has another order and augmentation each time it is iterated over. `model.fit` must be
    given `shuffle=False` for batches in the order of the dataset; the examples are shuffled by the dataset itself.

    Args:
        load: function of a source that returns the image (height, width, channels) and the mask (height, width). Where
            the settings ask for processes, it is called in these.
        order: an `ExampleOrder`.
        settings: a `BatchSettings`.
        shuffle: bool. Another order in every epoch.
        find: function of a position that returns the source, always called in this process. Defaults to None: the
            position is the source.
        common_size: (height, width) of the loaded images, or None if they differ. Defaults to None.
        itemsize: int. Bytes per value of the loaded images. Defaults to 1.
        changes: functions of the elements of a batch, applied one after the other. Defaults to none.
    """

    def __init__(
        self,
        load: Callable[[Any], Example],
        order: ExampleOrder,
        settings: BatchSettings,
        *,
        shuffle: bool,
        find: Callable[[int], Any] | None = None,
        common_size: tuple[int, int] | None = None,
        itemsize: int = 1,
        changes: tuple[Callable[..., Batch], ...] = (),
    ) -> None:
        super().__init__()
        self._load, self._order, self._settings, self._find = load, order, settings, find
        self._maker = ExampleMaker(load=load, image_size=settings.image_size, augment=settings.augment)
        self._processes: BatchProcesses | None = None
        # With processes, two threads serve each: one hands over a batch while the next one is made.
        count, several = settings.parallel, settings.use_multiprocessing
        self._threads, self._most_ahead = (2 * count, max(_AHEAD, count + 1)) if several else (count, _AHEAD)
        self._common_size, self._itemsize = common_size, itemsize
        self._shuffle, self._changes = shuffle, changes
        self._epoch = order.first_epoch
        self._ahead: dict[tuple[int, int], concurrent.futures.Future[Batch]] = {}
        self._lock = threading.Lock()
        # Not of a method, which would hold the dataset, and its processes, in a circle.
        self._epoch_order = functools.lru_cache(maxsize=4)(functools.partial(_positions, order, shuffle=shuffle))

    @property
    def num_batches(self) -> int | None:
        """Batches per epoch; None for a dataset that repeats."""
        return None if self._order.repeat else self._order.steps

    def map(self, function: Callable[..., Batch]) -> Self:
        """The dataset with its batches changed: `function(*batch)` returns the new batch, a tuple of arrays."""
        return self._with_changes((*self._changes, function))

    def _with_changes(self, changes: tuple[Callable[..., Batch], ...]) -> Self:
        """The dataset with other changes."""
        return type(self)(
            self._load,
            self._order,
            self._settings,
            shuffle=self._shuffle,
            find=self._find,
            common_size=self._common_size,
            itemsize=self._itemsize,
            changes=changes,
        )

    def __getitem__(self, index: int) -> Batch:
        """A batch of the current epoch; of a dataset that repeats, of all epochs."""
        place = self._place(index)
        with self._lock:
            following = range(index + 1, index + 1 + self._most_ahead)
            wanted = [place, *(self._place(one) for one in following if self._has(one))]
            for old in self._ahead.keys() - set(wanted):
                self._ahead.pop(old).cancel()
            for one in wanted:
                if one not in self._ahead:
                    self._ahead[one] = self._submit(*one)
            batch = self._ahead.pop(place)
        try:
            return batch.result()
        except BaseException:
            # Those made ahead have failed alike. What was wrong may be put right before the next attempt.
            with self._lock:
                self._ahead.clear()
            raise

    def __iter__(self) -> Iterator[Batch]:
        """The batches of an epoch, or of all epochs."""
        yield from super().__iter__()
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Go on to the next epoch; a dataset that repeats does so by itself."""
        self._epoch += 1

    def _has(self, index: int) -> bool:
        return self._order.repeat or index < self._order.steps

    def _place(self, index: int) -> tuple[int, int]:
        """(epoch, batch in it)."""
        if not self._order.repeat:
            return self._epoch, index
        epochs, step = divmod(index + self._order.first_step, self._order.steps)
        return self._order.first_epoch + epochs, step

    def _submit(self, epoch: int, step: int) -> "concurrent.futures.Future[Batch]":
        """Begin to make a batch."""
        start = step * self._order.batch_size
        share = self._order.share
        numbers = range(start + share.start, min(start + share.stop, self._order.examples))
        pool = _pool(self._threads)
        finds, seeds = zip(*self._finds(epoch, numbers), strict=True)
        if self._settings.use_multiprocessing:
            if self._processes is None or self._processes.lost:
                self._processes = BatchProcesses(self._settings.parallel, self._maker)
            return pool.submit(self._from_processes, self._processes, finds, seeds)
        # One compiled program serves whole batches.
        together = self._together if len(seeds) == len(share) else None
        examples = [
            pool.submit(self._example, find, None if together else seed)
            for find, seed in zip(finds, seeds, strict=True)
        ]
        # The pool takes jobs in their order, so that this one cannot wait for examples that were not begun.
        return pool.submit(self._joined, examples, seeds, together)

    @functools.cached_property
    def _together(self) -> Callable[..., Batch] | None:
        """The augmentation of a whole batch where that is faster."""
        augment: Any = self._settings.augment
        offer = getattr(augment, "gains_by_array_batches", None)
        size: Any = self._settings.image_size
        # What was resized is float32.
        offered = offer is not None and (offer(size, 4) if size else offer(self._common_size, self._itemsize))
        return augment.of_array_batch if offered else None

    def _joined(
        self,
        examples: "Sequence[concurrent.futures.Future[Example]]",
        seeds: Sequence[_philox.Seed],
        together: Callable[..., Batch] | None,
    ) -> Batch:
        """The batch of examples, augmented together or alone, and changed."""
        batch = stacked([example.result() for example in examples])
        return self._changed(batch if together is None else together(*batch, seeds))

    def _from_processes(
        self, processes: BatchProcesses, finds: Sequence[Callable[[], Any]], seeds: Sequence[_philox.Seed]
    ) -> Batch:
        """A batch that another process makes, changed."""
        return self._changed(processes.batch([find() for find in finds], seeds))

    def _changed(self, batch: Batch) -> Batch:
        for change in self._changes:
            batch = change(*batch)
        return batch

    def _finds(self, epoch: int, numbers: range) -> list[tuple[Callable[[], Any], _philox.Seed]]:
        """For each number of an example in an epoch, a function that finds its source, and its seed."""
        positions, first = self._epoch_order(epoch)
        find = self._find or int
        return [
            (functools.partial(find, int(positions[number])), _philox.fold_in(first, number, bits=64))
            for number in numbers
        ]

    def _example(self, find: Callable[[], Any], seed: _philox.Seed | None) -> Example:
        """An example, augmented if its seed is given."""
        return self._maker.resized(find()) if seed is None else self._maker.augmented(find(), seed)


def _positions(order: ExampleOrder, epoch: int, *, shuffle: bool) -> tuple[np.ndarray, _philox.Seed]:
    """The examples of an epoch in its order, and its seed."""
    first, seeds = order.cycles(epoch)
    parts = [np.arange(order.count)] * len(seeds)
    if shuffle:
        parts = [np.argsort(_philox.uniform_double(seed, order.count), kind="stable") for seed in seeds]
    return np.concatenate(parts)[: order.examples], first


@functools.cache
def _pool(threads: int) -> concurrent.futures.Executor:
    """Threads that decode and augment: what takes time there, in Pillow and NumPy, runs side by side."""
    return concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="examples")
