"""The five blocks of convolutions of VGG16: how many each has, and their names."""

from collections.abc import Iterator, Sequence

from keras_seg import _validation

# Simonyan and Zisserman 2015, table 1, column D.
CONVOLUTIONS = (2, 2, 3, 3, 3)


def check_filters(filters: Sequence[int]) -> tuple[int, ...]:
    """`filters`, one int for each block, as a tuple."""
    filters = _validation.integers("filters", filters)
    if len(filters) != len(CONVOLUTIONS):
        _validation.fail("filters", "must hold five integers, one for each block of VGG16", filters)
    return filters


def convolutions(filters: tuple[int, ...]) -> Iterator[tuple[int, list[tuple[str, int]]]]:
    """(block, [(name, filters), ...]) for each block, named as in keras.applications."""
    for block, (width, count) in enumerate(zip(filters, CONVOLUTIONS, strict=True), start=1):
        yield block, [(f"block{block}_conv{index}", width) for index in range(1, count + 1)]
