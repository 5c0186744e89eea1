"""The samples of an epoch, read from shards in the order of a seed."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keras_seg import _philox
from keras_seg._validation import InputError
from keras_seg.data.pipeline.batches import ExampleOrder
from keras_seg.data.shards.sample import Sample, read_samples
from keras_seg.data.shards.shard_files import opened_file
from keras_seg.data.shards.shard_index import Shard
from keras_seg.data.shards.shuffle_buffer import ShuffleBuffer

# The folded number of the seed for the order of the shards; the buffer's are counted from 0.
_SHARDS = -1


class ShardStream:
    """Samples of shards, whose order is a function of (seed, epoch, number).

    Shards come in the order of the seed, one after the other, and samples through a shuffle buffer. No more samples
    are in memory than the buffer holds.

    Args:
        shards: sequence of `Shard`, in their own order.
        order: an `ExampleOrder` of all their samples.
        buffer: int >= 1. Samples held for shuffling, or None for the order of the shards.
    """

    def __init__(self, shards: Sequence[Shard], order: ExampleOrder, *, buffer: int | None) -> None:
        self.order = order
        self._shards, self._buffer = tuple(shards), buffer

    def samples(self, epoch: int, start: int = 0) -> Iterator[tuple[_philox.Seed, Sample]]:
        """The samples of an epoch from the number `start` on, each with the seed of its augmentation.

        Samples before it are skipped: their shards are not opened, or only the headers in them are read.
        """
        first, seeds = self.order.cycles(epoch)
        cycle, done = divmod(start, self.order.count)
        passes = (self._once(seed, done if place == 0 else 0) for place, seed in enumerate(seeds[cycle:]))
        rest = itertools.islice(itertools.chain.from_iterable(passes), self.order.examples - start)
        for number, sample in enumerate(rest, start):
            yield _philox.fold_in(first, number, bits=64), sample

    def _once(self, seed: _philox.Seed, done: int) -> Iterator[Sample]:
        """All samples once, in the order of a seed, without the first ones."""
        buffer = ShuffleBuffer(seed, count=self.order.count, size=self._buffer or 1)
        for _ in range(done):
            buffer.draw()
        stream = self._stream(self._ordered(seed), set(buffer.held), buffer.following)
        waiting: dict[int, Sample] = {}
        for _ in range(self.order.count - done):
            position = buffer.draw()
            while position not in waiting:
                arrived, sample = next(stream)
                waiting[arrived] = sample
            yield waiting.pop(position)

    def _ordered(self, seed: _philox.Seed) -> list[Shard]:
        if self._buffer is None:
            return list(self._shards)
        draws = _philox.uniform_double(_philox.fold_in(seed, _SHARDS, bits=64), len(self._shards))
        return [self._shards[place] for place in np.argsort(draws, kind="stable")]

    def _stream(self, shards: Sequence[Shard], held: set[int], following: int) -> Iterator[tuple[int, Sample]]:
        """The samples of shards in their order, with their positions: those held, and all from `following` on."""
        start = 0
        for shard in shards:
            end = start + shard.samples
            if end > following or any(start <= position < end for position in held):
                for number, sample in _checked(shard, lambda n, at=start: at + n >= following or at + n in held):
                    if sample is not None:
                        yield start + number, sample
            start = end


def _checked(shard: Shard, wanted: Callable[[int], bool]) -> Iterator[tuple[int, Sample | None]]:
    """The samples of a shard, which must be as many as it is said to hold."""
    found = 0
    with opened_file(shard.path) as stream:
        for number, sample in read_samples(stream, shard.path, wanted):
            found = number + 1
            if found > shard.samples:
                break
            yield number, sample
    if found != shard.samples:
        holds = "more" if found > shard.samples else str(found)
        raise InputError(
            f"{shard.path}: holds {holds} of the {shard.samples} samples that it should. Copy it again, or pack the "
            "data again."
        )
