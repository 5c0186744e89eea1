"""Numbers of channels that hardware likes."""


def rounded_channels(channels: float) -> int:
    """The nearest multiple of 8, or the next one if the nearest is more than a tenth below."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
