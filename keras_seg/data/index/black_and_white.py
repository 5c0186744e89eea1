"""How to recognize a black and white mask, with hard edges or with edges blurred by smoothing or JPEG."""

from collections.abc import Mapping

# Gray values within this margin of 0 or 255 count as black or white.
MARGIN = 8
# At least this share of the pixels must be black or white.
MIN_SHARE = 0.9
# Gray values from here on are white.
THRESHOLD = 128
WHITE = 255

# Blurred edges hold at least this many values between black and white.
_MIN_GRAYS = 16
# Values 1 to MARGIN on more pixels than this, with no grays, are ids rather than noise.
_NOISE_SHARE = 0.1


def kind_of(counts: Mapping[int, int], *, lossy: bool = False) -> str:
    """What the values of one mask file can be.

    Args:
        counts: dict from value to number of pixels.
        lossy: bool. Whether the file's format changes values (JPEG). Defaults to False.

    Returns:
        "empty" (only 0), "unit" (0 and 1), "white" (0 and 255, or only 255), "blurred" (values from black to white,
        few of them in between), or "ids" (anything else).
    """
    values = set(counts)
    if values <= {0}:
        return "empty"
    if values <= {0, 1}:
        return "ids" if lossy else "unit"
    if values <= {0, WHITE}:
        return "white"
    return "blurred" if _is_blurred(counts, lossy=lossy) else "ids"


def _is_blurred(counts: Mapping[int, int], *, lossy: bool) -> bool:
    if min(counts) < 0 or max(counts) > WHITE:
        return False
    total = sum(counts.values())
    white = sum(count for value, count in counts.items() if value >= WHITE - MARGIN)
    black = sum(count for value, count in counts.items() if value <= MARGIN)
    if lossy:
        return white > 0 and white + black >= MIN_SHARE * total
    pure = counts.get(0, 0) + counts.get(WHITE, 0)
    grays = [value for value in counts if MARGIN < value < WHITE - MARGIN]
    both_sides = any(value < THRESHOLD for value in grays) and any(value >= THRESHOLD for value in grays)
    return WHITE in counts and 0 in counts and both_sides and len(grays) >= _MIN_GRAYS and pure >= MIN_SHARE * total


def fits_blurred(counts: Mapping[int, int]) -> bool:
    """Whether a file may belong to a data set of blurred black and white masks: its small values are not ids."""
    if min(counts) < 0 or max(counts) > WHITE or (max(counts) == 1):
        return False
    small = sum(count for value, count in counts.items() if 0 < value <= MARGIN)
    if small and WHITE in counts and all(value <= MARGIN for value in counts if value != WHITE):
        return False  # What changes black changes white and the edges between them too: 255 is void beside ids.
    grays = any(MARGIN < value < WHITE - MARGIN for value in counts)
    return grays or small <= _NOISE_SHARE * sum(counts.values())


def thresholded(counts: Mapping[int, int], white: int) -> dict[int, int]:
    """The map of a file's values to 0 and `white`."""
    return {value: white if value >= THRESHOLD else 0 for value in counts}
