"""The widths of a U-Net's levels."""

from collections.abc import Sequence

from keras_seg import _validation


def level_filters(filters: int | Sequence[int], depth: int | None) -> tuple[int, ...]:
    """One width per level, the first level first: an int is doubled at each of `depth` (or 4) poolings."""
    if isinstance(filters, int):
        depth = 4 if depth is None else _validation.integer("depth", depth)
        return tuple(_validation.integer("filters", filters) * 2**level for level in range(depth + 1))
    widths = _validation.integers("filters", filters)
    if len(widths) < 2:
        _validation.fail("filters", "must have at least two levels", filters)
    if depth is not None and depth != len(widths) - 1:
        _validation.fail("depth", f"must be one less than the {len(widths)} filters given, or left out", depth)
    return widths
