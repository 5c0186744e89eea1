"""The pixels that the units along one axis depend on, for every unit exactly."""

import dataclasses
import fractions
import math

from keras_seg.layers.reach import Reach


@dataclasses.dataclass(frozen=True)
class UnitExtents:
    """Unit `len(ends) * m + r` depends on pixels `advance * m + ends[r][0]` to `advance * m + ends[r][1]`, included.

    One pair of ends is enough until a map is upsampled. Then neighboring units depend on the image in different
    ways, and `len(ends)` of them make one period.
    """

    advance: int
    ends: tuple[tuple[int, int], ...]

    @classmethod
    def of_pixels(cls) -> "UnitExtents":
        """Each unit depends on the pixel at its own place: the image itself."""
        return cls(1, ((0, 0),))

    @property
    def stride(self) -> fractions.Fraction:
        """Pixels from one unit to the next, on average over a period."""
        return fractions.Fraction(self.advance, len(self.ends))

    def at(self, unit: int) -> tuple[int, int]:
        """(first, last) pixel of a unit."""
        periods, phase = divmod(unit, len(self.ends))
        first, last = self.ends[phase]
        return first + self.advance * periods, last + self.advance * periods

    def center(self, unit: int) -> fractions.Fraction:
        """The middle of a unit's span."""
        return fractions.Fraction(sum(self.at(unit)), 2)

    def read_by(self, reading: Reach) -> "UnitExtents":
        """The spans of units that read these units by a `Reach`."""
        count = len(self.ends) // math.gcd(len(self.ends), reading.advance)
        ends = []
        for period in range(count):
            for first, last in reading.phases:
                start = reading.advance * period
                read = [self.at(unit) for unit in range(start + first, start + last + 1)]
                ends.append((min(end[0] for end in read), max(end[1] for end in read)))
        return UnitExtents(self.advance * reading.advance * count // len(self.ends), tuple(ends))._shortest()

    def joined(self, other: "UnitExtents") -> "tuple[UnitExtents, fractions.Fraction]":
        """The union of two spans, unit by unit, and by how many pixels the centers differ on average over a period.

        Both must have the same stride.
        """
        count = math.lcm(len(self.ends), len(other.ends))
        pairs = [(self.at(unit), other.at(unit)) for unit in range(count)]
        union = UnitExtents(
            int(self.stride * count),
            tuple((min(mine[0], theirs[0]), max(mine[1], theirs[1])) for mine, theirs in pairs),
        )
        shifts = (self.center(unit) - other.center(unit) for unit in range(count))
        return union._shortest(), abs(sum(shifts, start=fractions.Fraction()) / count)

    def _shortest(self) -> "UnitExtents":
        """The same spans with the shortest period."""
        count = len(self.ends)
        for period in range(1, count):
            advance, rest = divmod(self.advance * period, count)
            if count % period or rest:
                continue
            shorter = UnitExtents(advance, self.ends[:period])
            if all(shorter.at(unit) == self.ends[unit] for unit in range(count)):
                return shorter
        return self
