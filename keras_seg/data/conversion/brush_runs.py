"""Label Studio's run lengths of brush strokes: the bit-packed code of thi.ng/rle-pack, of an image of four channels.

32 bits hold the number of values, 5 the bits per value minus 1, and four times 4 the bits of a length minus 1. Blocks
follow: one bit for a run of one value or a series of values, two that choose the bits of the length, the length minus
1, and the value or values. The last channel is the stroke: pixels where it is above 0 belong to it.
"""

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.stamp import Stamp, cropped

_CHANNELS = 4


def brush_stamp(values: object, height: int, width: int, *, where: str) -> Stamp:
    """The pixels of a brush stroke from its list of bytes."""
    try:
        packed = np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(where) from error
    if (
        packed.ndim != 1
        or (packed.size and packed.dtype.kind not in "iu")
        or (packed < 0).any()
        or (packed > 255).any()
    ):
        raise _wrong(where)
    bits = _Bits(packed.astype("uint8"), where)
    total = bits.number(32)
    if total != height * width * _CHANNELS:
        raise InputError(
            f"{where}: the stroke has {total} values, and the image {height} x {width} x {_CHANNELS}. "
            "Export the labels again."
        )
    word = bits.number(5) + 1
    lengths = [bits.number(4) + 1 for _ in range(4)]
    inside = np.zeros(height * width, bool)
    start = 0
    while start < total:
        is_run = bits.number(1)
        stop = start + 1 + bits.number(lengths[bits.number(2)])
        if stop > total:
            raise _wrong(where)
        # The pixels whose last channel lies in the block.
        first, after = start // _CHANNELS, stop // _CHANNELS
        if is_run:
            inside[first:after] = bits.number(word) > 0
        else:
            series = bits.numbers(stop - start, word)
            inside[first:after] = series[(_CHANNELS - 1 - start) % _CHANNELS :: _CHANNELS]
        start = stop
    return cropped(inside.reshape(height, width))


class _Bits:
    """Numbers read from a series of bits, the highest bit first."""

    def __init__(self, packed: np.ndarray, where: str) -> None:
        self._bits = np.unpackbits(packed)
        self._text = (self._bits + ord("0")).tobytes().decode("ascii")
        self._place = 0
        self._where = where

    def number(self, bits: int) -> int:
        """The next number."""
        start = self._advance(bits)
        return int(self._text[start : self._place], 2)

    def numbers(self, count: int, bits: int) -> np.ndarray:
        """Which of the next numbers are above 0."""
        start = self._advance(count * bits)
        return np.any(self._bits[start : self._place].reshape(count, bits), axis=1)

    def _advance(self, bits: int) -> int:
        start, self._place = self._place, self._place + bits
        if self._place > len(self._bits):
            raise InputError(f"{self._where}: the stroke ends too early. Export the labels again.")
        return start


def _wrong(where: str) -> InputError:
    return InputError(f"{where}: the stroke is not in Label Studio's code. Export the labels again.")
