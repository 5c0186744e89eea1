"""Whether the values of a mask are those of a black and white one after smoothing or JPEG."""

from collections.abc import Mapping

from keras_seg.data.index.black_and_white import MARGIN, MIN_SHARE, THRESHOLD


def is_smeared(values: Mapping[int, int], *, jpeg: bool) -> bool:
    """True for values near 0 and 255 with traces in between, or, in a JPEG, without.

    Args:
        values: number of pixels per value.
        jpeg: whether the file is a JPEG.
    """
    if not values or min(values) < 0 or max(values) > 255 or set(values) <= {0, 255} or set(values) <= {0, 1}:
        return False
    flat = sum(count for value, count in values.items() if value <= MARGIN or value >= 255 - MARGIN)
    dark = any(MARGIN < value < THRESHOLD for value in values)
    bright = any(THRESHOLD <= value < 255 - MARGIN for value in values)
    return flat >= MIN_SHARE * sum(values.values()) and (jpeg or (dark and bright))
