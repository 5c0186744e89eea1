"""The stages of a U-Net's decoder: how many there are, and their widths."""

from collections.abc import Sequence

from keras_seg import _validation


def decoder_stages(decoder_stride: int, deepest: int) -> int:
    """The number of doublings from a map of stride `deepest` to `decoder_stride`, if that is a power of two below."""
    decoder_stride = _validation.integer("decoder_stride", decoder_stride)
    if decoder_stride & (decoder_stride - 1) or decoder_stride >= deepest:
        _validation.fail(
            "decoder_stride", f"must be a power of two below the encoder's stride {deepest}", decoder_stride
        )
    return (deepest // decoder_stride).bit_length() - 1


def decoder_widths(
    decoder_filters: Sequence[int] | None, stages: int, encoder_filters: tuple[int, ...] = ()
) -> tuple[int, ...]:
    """The decoder's widths, deepest stage first; `encoder_filters` are those of the plain U-Net, or empty."""
    if decoder_filters is None:
        return (encoder_filters[-2::-1] or (256, 128, 64, 32, 16))[:stages]
    widths = _validation.integers("decoder_filters", decoder_filters)
    if len(widths) != stages:
        _validation.fail("decoder_filters", f"must have {stages} entries, one for each doubling", decoder_filters)
    return widths
