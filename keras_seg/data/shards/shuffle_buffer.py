"""The order of samples that come out of a shuffle buffer, as a function of a seed."""

from keras_seg import _philox

_DRAWS = 4096


class ShuffleBuffer:
    """Positions of a stream, in the order in which a buffer gives them: one of those it holds, at random.

    Only the positions are held here, so that the order of a later step is found without reading a sample.

    Args:
        seed: pair of ints.
        count: positions in the stream.
        size: positions held. With 1, the order is that of the stream.
    """

    def __init__(self, seed: _philox.Seed, *, count: int, size: int) -> None:
        self.held = list(range(min(size, count)))
        # The position that comes in next.
        self.following = len(self.held)
        self._seed, self._count = seed, count
        self._drawn, self._numbers = 0, []

    def draw(self) -> int:
        """The next position."""
        slot = int(self._number() * len(self.held)) if len(self.held) > 1 else 0
        position = self.held[slot]
        if self.following < self._count:
            self.held[slot] = self.following
            self.following += 1
        else:
            last = self.held.pop()
            if slot < len(self.held):
                self.held[slot] = last
        return position

    def _number(self) -> float:
        if not self._numbers:
            seed = _philox.fold_in(self._seed, self._drawn, bits=64)
            self._numbers = _philox.uniform_double(seed, _DRAWS).tolist()[::-1]
            self._drawn += 1
        return self._numbers.pop()
