"""Batches in NumPy from a stream of samples."""

import collections
import concurrent.futures
import functools
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from keras_seg import _philox
from keras_seg.data.pipeline.array_batches import ArrayBatches, Batch
from keras_seg.data.pipeline.batches import BatchSettings
from keras_seg.data.pipeline.shard_stream import ShardStream
from keras_seg.data.shards.decode_sample import SampleDecoder
from keras_seg.data.shards.sample import Sample

# Keras looks at the first two batches before it begins with the first; by then, others are made ahead.
_RECENT = 8

_Samples = list[tuple[_philox.Seed, Sample]]


class ShardBatches(ArrayBatches):
    """`ArrayBatches` whose files come from a stream, read by a thread of its own; `from_shards` makes them.

    Batches are meant to be asked for in their order. Another one is found by skipping what lies before it.

    Args:
        stream: a `ShardStream`.
        decode: `SampleDecoder`.
        settings: a `BatchSettings`.
        changes: see `ArrayBatches`.
    """

    def __init__(
        self,
        stream: ShardStream,
        decode: SampleDecoder,
        settings: BatchSettings,
        *,
        changes: tuple[Callable[..., Batch], ...] = (),
    ) -> None:
        super().__init__(
            decode,
            stream.order,
            settings,
            shuffle=False,
            common_size=decode.size,
            itemsize=np.dtype(decode.image_dtype).itemsize,
            changes=changes,
        )
        self._stream, self._decode = stream, decode
        self._reader = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="shards")
        # Where the stream is, and what is left of it. Only the reader's thread touches them.
        self._at: tuple[int, int] | None = None
        self._rest: Iterator[tuple[_philox.Seed, Sample]] = iter(())
        self._recent: collections.deque[tuple[tuple[int, range], _Samples]] = collections.deque(maxlen=_RECENT)

    def _with_changes(self, changes: tuple[Callable[..., Batch], ...]) -> Self:
        return type(self)(self._stream, self._decode, self._settings, changes=changes)

    def _finds(self, epoch: int, numbers: range) -> list[tuple[Callable[[], Any], _philox.Seed]]:
        taken = self._reader.submit(self._take, epoch, numbers)
        first, _ = self._order.cycles(epoch)
        return [
            (functools.partial(_sample, taken, place), _philox.fold_in(first, number, bits=64))
            for place, number in enumerate(numbers)
        ]

    def _take(self, epoch: int, numbers: range) -> _Samples:
        """The samples of a batch, from the stream."""
        known = next((samples for place, samples in self._recent if place == (epoch, numbers)), None)
        if known is not None:
            return known
        if self._at != (epoch, numbers.start):
            self._rest = self._stream.samples(epoch, numbers.start)
        self._at = None  # After an error, the stream begins again.
        samples = [next(self._rest) for _ in numbers]
        self._at = (epoch, numbers.stop)
        self._recent.append(((epoch, numbers), samples))
        return samples


def _sample(taken: "concurrent.futures.Future[_Samples]", place: int) -> Sample:
    return taken.result()[place][1]
