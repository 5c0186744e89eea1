"""An image whose channels lie in one file each."""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_seg._decoding.decode import file_facts
from keras_seg._validation import InputError
from keras_seg.data.index.reading import read_image


def stacked_channels(files: Sequence[pathlib.Path]) -> np.ndarray:
    """The array (height, width, channels) of gray files: uint8 or uint16 as stored, or float32 in 0..255."""
    channels = [_channel(file) for file in files]
    for file, channel in zip(files, channels, strict=True):
        if channel.shape != channels[0].shape:
            (height, width), (first_height, first_width) = channel.shape, channels[0].shape
            raise InputError(
                f"{file}: has {height}x{width} pixels (height x width), but {files[0].name}, of the same image, has "
                f"{first_height}x{first_width}. Save all channels in one size."
            )
    stacked = np.stack(channels, -1)
    if stacked.dtype == np.float32 and all(
        (facts := file_facts(file)).bits == 16 and facts.kind == "u" for file in files
    ):
        return np.rint(stacked * 257).astype(np.uint16)
    return stacked


def _channel(file: pathlib.Path) -> np.ndarray:
    if file_facts(file).channels == 1:
        return read_image(file, channels=1)[..., 0]
    colors = read_image(file)
    if (colors != colors[..., :1]).any():
        raise InputError(f"{file}: holds colors, and is one channel. Save it as gray.")
    return colors[..., 0]
